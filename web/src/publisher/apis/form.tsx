import { SegmentedControl, SimpleGrid, Stack, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";

import { nameInUse, versionsQuery } from "../../api/publishing";
import type { Draft } from "../../object/draft";
import { ListField, SelectField, Shown, SwitchField, TextField } from "../../object/fields";
import { OperationsList } from "../../reference/operations";
import { useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { ObjectsSelect } from "../../ui/object-select";
import { Section } from "../../ui/page";
import { ImportedOperations, OpenAPIField } from "./openapi-field";
import { OperationsField } from "./operations-field";
import { OwnRules, type Use } from "./own-rules";

const words = texts.publisher.apis;

interface Props {
  draft: Draft<"apis">;
  isNew: boolean;
}

/** What publishers set on an API, in the order in which a call meets it. A new one begins with the document that fills it in. */
export function APIForm({ draft, isNew }: Props) {
  return (
    <Stack gap="xl">
      {isNew && !draft.fixed && (
        <Section title={texts.publisher.openapi.title}>
          <OpenAPIField draft={draft} />
        </Section>
      )}
      <SimpleGrid cols={{ base: 1, sm: 2 }} maw={860}>
        <TextField draft={draft} path={["metadata", "name"]} help={texts.common.nameHelp} required fixed={!isNew} />
        <TextField draft={draft} path={["spec", "title"]} help={words.titleHelp} />
        <TextField draft={draft} path={["spec", "context"]} help={words.contextHelp} placeholder="/orders" required />
        <TextField draft={draft} path={["spec", "version"]} help={words.versionHelp} placeholder="v1" required />
        <TextField draft={draft} path={["spec", "upstream", "production"]} help={words.productionHelp} />
        <TextField draft={draft} path={["spec", "upstream", "sandbox"]} help={words.sandboxHelp} />
        <SelectField draft={draft} path={["spec", "state"]} help={words.stateHelp} fallback="published" options={words.states} />
        <ListField draft={draft} path={["spec", "visibility"]} help={words.visibilityHelp} />
      </SimpleGrid>
      <DefaultField draft={draft} />
      <Section title={words.keyManagers}>
        <KeyManagersField draft={draft} />
        <Stack gap="sm" maw={620} mt="md">
          <ListField draft={draft} path={["spec", "audiences"]} help={words.audiencesHelp} />
          <OwnRules draft={draft} />
        </Stack>
      </Section>
      <Section title={words.operations}>
        {!isNew && !draft.fixed && <OpenAPIField draft={draft} />}
        <Operations draft={draft} />
      </Section>
      <Section title={words.subscription}>
        <SimpleGrid cols={{ base: 1, sm: 2 }} maw={860}>
          <SelectField draft={draft} path={["spec", "subscription"]} help={words.subscriptionHelp} fallback="required" options={words.subscriptions} />
          <PlansField draft={draft} />
        </SimpleGrid>
      </Section>
      <Section title={words.backend}>
        <Stack gap="md" maw={420}>
          <SelectField draft={draft} path={["spec", "credential"]} help={words.credentialHelp} fallback="remove" options={words.credentials} />
          <SwitchField draft={draft} path={["spec", "backendJWT", "enabled"]} help={words.backendJWTHelp} fallback={false} />
          {draft.at("spec", "backendJWT", "enabled") === true && (
            <SelectField draft={draft} path={["spec", "backendJWT", "subject"]} help={words.subjectHelp} fallback="qualified" options={words.subjects} />
          )}
        </Stack>
      </Section>
    </Stack>
  );
}

function Operations({ draft }: { draft: Draft<"apis"> }) {
  const document = draft.at("spec", "openapi", "document");
  if (typeof document === "string") return <ImportedOperations document={document} />;
  return draft.fixed ? <OperationsList operations={draft.object.spec.operations ?? []} /> : <OperationsField draft={draft} />;
}

// One version of a context is the default: while another one is, this one becomes it on its page, where both change in one step.
function DefaultField({ draft }: { draft: Draft<"apis"> }) {
  const { metadata, spec } = draft.object;
  const [context] = useDebouncedValue(spec.context, 300);
  const versions = useQuery({ ...versionsQuery(useTenant(), context), enabled: context.startsWith("/") }).data ?? [];
  const now = versions.find((a) => a.spec.default && a.metadata?.name !== metadata?.name);
  const elsewhere = now !== undefined && spec.default !== true;
  return (
    <SwitchField
      draft={draft}
      path={["spec", "default"]}
      help={elsewhere ? words.defaultElsewhere(now.spec.version) : words.isDefaultHelp}
      fallback={false}
      disabled={elsewhere}
    />
  );
}

function PlansField({ draft }: { draft: Draft<"apis"> }) {
  const names = draft.object.spec.plans ?? [];
  if (draft.fixed) return <Shown label={words.plans}>{names.join(", ")}</Shown>;
  return (
    <ObjectsSelect
      data-path="spec.plans"
      noun="plans"
      label={words.plans}
      help={words.plansHelp}
      placeholder={words.choosePlans}
      none={texts.table.noMatch}
      value={names}
      error={draft.fault("spec", "plans")}
      change={(chosen) => { draft.put(chosen.length > 0 ? chosen : undefined, "spec", "plans"); }}
    />
  );
}

// The key managers whose tokens the API takes: all of them, or some. What an entry says beside the name stays.
function KeyManagersField({ draft }: { draft: Draft<"apis"> }) {
  const value = draft.at("spec", "keyManagers") as "all" | Use[] | undefined;
  const uses = Array.isArray(value) ? value : [];
  if (draft.fixed) return <Shown label={words.takesSome}>{value === "all" ? words.takesAll : uses.map(nameInUse).join(", ")}</Shown>;
  return (
    <Stack gap="xs" maw={620}>
      <SegmentedControl
        aria-label={words.keyManagers}
        data={[{ value: "all", label: words.takesAll }, { value: "some", label: words.takesSome }]}
        value={value === "all" ? "all" : "some"}
        onChange={(chosen) => { draft.put(chosen === "all" ? "all" : [], "spec", "keyManagers"); }}
      />
      {value === "all" ? (
        <Text size="sm" c="dimmed">{words.takesAllHelp}</Text>
      ) : (
        <ObjectsSelect
          data-path="spec.keyManagers"
          noun="key-managers"
          label={words.keyManagers}
          placeholder={words.chooseKeyManagers}
          none={texts.table.noMatch}
          value={uses.map(nameInUse)}
          error={draft.fault("spec", "keyManagers")}
          change={(names) => {
            draft.put(names.map((n) => uses.find((u) => nameInUse(u) === n) ?? n), "spec", "keyManagers");
          }}
        />
      )}
    </Stack>
  );
}
