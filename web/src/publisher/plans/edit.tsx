import { ActionIcon, Button, Group, NumberInput, Stack, Text, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { useNavigate } from "react-router";

import type { Schemas } from "../../api/client";
import { DeleteButton } from "../../object/delete";
import type { Draft } from "../../object/draft";
import { ObjectEditor } from "../../object/editor";
import { SelectField, Shown, TextField } from "../../object/fields";
import { useEdited } from "../../object/use-edited";
import { useAddress, useName } from "../../shell/place";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import { InForce } from "../../ui/in-force";
import { Page } from "../../ui/page";
import { ratesOf } from "../../ui/rates";

const words = texts.publisher.plans;

/** Makes a plan. */
export function NewPlan() {
  return <Edit title={words.add} base={{ object: { metadata: { name: "" }, spec: { rate: [{ requests: 10, per: "1s" }] } } }} />;
}

/** Changes a plan. */
export function EditPlan() {
  const name = useName();
  const to = useAddress();
  const stored = useEdited("plans", name);
  const actions = (
    <DeleteButton
      noun="plans"
      stored={stored}
      list={to("publisher", "plans")}
      lead={words.deleteLead}
      users={[{ noun: "apis", plan: name }, { noun: "subscriptions", plan: name }]}
    />
  );
  return <Edit title={texts.common.editTitle(name)} base={stored} beside={<InForce noun="plans" name={name} />} actions={actions} />;
}

interface EditProps {
  title: string;
  base: { object: Schemas["Plan"]; etag?: string };
  beside?: ReactNode;
  actions?: ReactNode;
}

function Edit({ title, base, beside, actions }: EditProps) {
  const to = useAddress();
  const navigate = useNavigate();
  const back = () => void navigate(to("publisher", "plans"));
  return (
    <Page title={title} above={[{ to: to("publisher", "plans"), label: words.title }]} beside={beside} actions={actions}>
      <ObjectEditor
        noun="plans"
        base={base}
        done={back}
        cancel={back}
        form={(draft) => (
          <Stack maw={560}>
            <TextField draft={draft} path={["metadata", "name"]} help={texts.common.nameHelp} required fixed={base.etag !== undefined} />
            <Rates draft={draft} />
            <SelectField
              draft={draft}
              path={["spec", "approval"]}
              help={words.approvalHelp}
              fallback="auto"
              options={[{ value: "auto", label: words.auto }, { value: "manual", label: words.manual }]}
            />
          </Stack>
        )}
      />
    </Page>
  );
}

function Rates({ draft }: { draft: Draft<"plans"> }) {
  const value = draft.at("spec", "rate") as Schemas["Rate"] | Schemas["Rate"][] | undefined;
  const rates = value === undefined ? [] : Array.isArray(value) ? value : [value];
  const put = (list: Schemas["Rate"][]) => { draft.put(list.length > 0 ? list : undefined, "spec", "rate"); };
  const change = (i: number, next: Partial<Schemas["Rate"]>) => { put(rates.map((r, at) => (at === i ? { ...r, ...next } : r))); };
  if (draft.fixed) return <Shown label={words.limits}>{ratesOf(draft.object)}</Shown>;
  return (
    <Stack gap="xs">
      <Text size="sm" fw={500}>{words.limits}</Text>
      {rates.map((rate, i) => (
        <Group key={i} align="flex-start" wrap="nowrap">
          <NumberInput aria-label={words.requests} data-path={`spec.rate[${i}].requests`} value={rate.requests} min={1} allowDecimal={false} onChange={(n) => { change(i, { requests: Number(n) }); }} flex="0 1 160px" />
          <Text pt={6} size="sm">{words.per}</Text>
          <TextInput aria-label={words.period} data-path={`spec.rate[${i}].per`} value={rate.per} onChange={(event) => { change(i, { per: event.currentTarget.value }); }} error={draft.fault("spec", `rate[${i}]`)} flex="0 1 140px" />
          <ActionIcon variant="subtle" color="red" mt={4} aria-label={texts.editor.remove(words.rate(rate.requests, rate.per))} onClick={() => { put(rates.filter((_, at) => at !== i)); }}>
            <Icon name="trash" size={16} />
          </ActionIcon>
        </Group>
      ))}
      {draft.fault("spec", "rate") && <Text size="sm" c="red">{draft.fault("spec", "rate")}</Text>}
      <Group>
        <Button size="xs" variant="light" onClick={() => { put([...rates, { requests: 1000, per: "1h" }]); }}>{words.addLimit}</Button>
      </Group>
    </Stack>
  );
}
