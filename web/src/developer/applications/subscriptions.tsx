import { ActionIcon, Anchor, Button, Group, Select, Stack, Text, Tooltip } from "@mantine/core";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { Link, useSearchParams } from "react-router";

import type { Schemas } from "../../api/client";
import { keysQuery } from "../../api/keys";
import { createObject, deleteObject, forgetTenant, listQuery, manifestSetOf, namedQuery, objectName } from "../../api/objects";
import { isProblem } from "../../api/problem";
import { askAgain, takesSubscriptions } from "../../api/publishing";
import { useTyped } from "../../session/typed";
import { useAddress, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Confirm } from "../../ui/confirm";
import { Empty } from "../../ui/empty";
import { HeldBadge } from "../../ui/hold";
import { Icon } from "../../ui/icon";
import { ObjectSelect } from "../../ui/object-select";
import { ProblemAlert } from "../../ui/problem-alert";
import { termsOf } from "../../ui/rates";
import { SubscriptionState } from "../../ui/subscription-state";
import { DataTable } from "../../ui/table";
import { sayDone } from "../../ui/say-done";
import { rowsOf } from "../../ui/use-list";
import { useTabAddress } from "./use-tab-address";

const words = texts.developer.subscriptions;

interface Props {
  application: string;
  /** It is being deleted: its subscriptions go with it, and nothing is done about them any more. */
  deleting: boolean;
}

/** The APIs that an application may call. */
export function Subscriptions({ application, deleting }: Props) {
  const tenant = useTenant();
  const to = useAddress();
  const queries = useQueryClient();
  const asked = useInfiniteQuery({
    ...listQuery(tenant, "subscriptions", { application }),
    refetchInterval: (query) => (query.state.data?.pages ?? []).some((page) => page.items.some((s) => approvalOf(s) === "pending")) && 10_000,
  });
  const list = rowsOf(asked);
  const [leaving, setLeaving] = useState<Schemas["Subscription"]>();
  const leave = useMutation({
    mutationFn: (gone: Schemas["Subscription"]) => deleteObject(tenant, "subscriptions", objectName(gone), "*"),
    onSuccess: async (_, gone) => {
      setLeaving(undefined);
      sayDone({ tenant, message: words.left[approvalOf(gone)](gone.spec.api) });
      await forgetTenant(queries, tenant);
    },
  });
  return (
    <Stack>
      {deleting ? <Text size="sm" c="dimmed">{words.deleting}</Text> : (
        <>
          <Subscribe application={application} taken={(list.rows ?? []).map((s) => s.spec.api)} />
          <NoKey application={application} subscribed={(list.rows ?? []).some((s) => approvalOf(s) !== "rejected")} />
        </>
      )}
      <DataTable<Schemas["Subscription"]>
        label={words.title}
        {...list}
        folds
        keyOf={objectName}
        empty={<Empty icon="link" title={words.emptyTitle}>{words.empty}</Empty>}
        columns={[
          { title: words.api, cell: (s) => <Anchor component={Link} to={to("developer", "apis", s.spec.api)} size="sm" fw={600}>{s.spec.api}</Anchor> },
          { title: words.plan, wide: true, cell: (s) => s.spec.plan ?? texts.common.none },
          { title: words.scopes, wide: true, cell: (s) => (s.spec.scopes ?? []).join(" ") || words.allScopes },
          {
            title: words.state,
            cell: (s) =>
              s.status?.hold ? (
                <HeldBadge hold={s.status.hold} />
              ) : (
                <SubscriptionState subscription={s} />
              ),
          },
          ...(deleting ? [] : [{
            title: words.actions,
            cell: (s: Schemas["Subscription"]) => manifestSetOf(s) !== undefined ? <Text size="sm" c="dimmed">{words.ofSet(manifestSetOf(s) ?? "")}</Text> : (
              <Group gap="xs" wrap="nowrap">
                {approvalOf(s) === "rejected" && <AskAgain subscription={s} />}
                <Tooltip label={words.leave[approvalOf(s)]}>
                  <ActionIcon
                    variant="subtle"
                    color="red"
                    aria-label={words.leaveFrom[approvalOf(s)](s.spec.api)}
                    onClick={() => { setLeaving(s); }}
                  >
                    <Icon name="trash" size={16} />
                  </ActionIcon>
                </Tooltip>
              </Group>
            ),
          }]),
        ]}
      />
      <Confirm
        opened={leaving !== undefined}
        close={() => { setLeaving(undefined); }}
        title={words.leaveFrom[approvalOf(leaving)](leaving?.spec.api ?? "")}
        action={words.leave[approvalOf(leaving)]}
        run={() => { if (leaving) leave.mutate(leaving); }}
        pending={leave.isPending}
        error={leave.error}
      >
        <Text size="sm">{words.leaveLead[approvalOf(leaving)]}</Text>
      </Confirm>
    </Stack>
  );
}

// The next step of who has just subscribed a new application.
function NoKey({ application, subscribed }: { application: string; subscribed: boolean }) {
  const at = useTabAddress(application);
  const keys = useQuery(keysQuery(useTenant(), application, { limit: "1" })).data?.keys;
  if (!subscribed || keys === undefined || keys.length > 0) return null;
  return (
    <Group gap="xs">
      <Text size="sm">{words.noKey}</Text>
      <Button component={Link} size="xs" to={at("keys")} leftSection={<Icon name="key" size={14} />}>{words.getKey}</Button>
    </Group>
  );
}

// How far its plan's approval is; what wants none counts as given.
function approvalOf(subscription: Schemas["Subscription"] | undefined): "pending" | "rejected" | "given" {
  const state = subscription?.status?.approval?.state;
  return state === "pending" || state === "rejected" ? state : "given";
}

// What was rejected is asked for anew, as it was.
function AskAgain({ subscription: { metadata, status } }: { subscription: Schemas["Subscription"] }) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const run = useMutation({
    mutationFn: () => askAgain(tenant, metadata?.name ?? "", status?.approval?.request),
    onSuccess: (asked) => { sayAsked(tenant, asked); },
    onSettled: () => forgetTenant(queries, tenant),
  });
  return (
    <>
      <Button size="compact-xs" variant="light" loading={run.isPending} onClick={() => { run.mutate(); }}>{words.askAgain}</Button>
      {run.error && <ProblemAlert error={run.error} />}
    </>
  );
}

// It waits for an approval, or is in force.
function sayAsked(tenant: string, subscription: Schemas["Subscription"]): void {
  const pending = approvalOf(subscription) === "pending";
  sayDone({ tenant, message: pending ? words.asked(subscription.spec.api) : words.subscribed(subscription.spec.api), reaches: !pending });
}

// Nobody types its name. The one that two names make may be that of another subscription, cut to what a name may have: then it ends
// in letters by chance.
async function subscribe(tenant: string, spec: Schemas["Subscription"]["spec"]): Promise<Schemas["Subscription"]> {
  const named = (length: number, end = "") => `${`${spec.application}-${spec.api}`.slice(0, length).replace(/-+$/, "")}${end}`;
  const create = (name: string) => createObject(tenant, "subscriptions", { metadata: { name }, spec });
  try {
    return await create(named(63));
  } catch (error) {
    if (!isProblem(error, "conflict") || !error.fields.some((f) => f.path === "metadata.name")) throw error;
    return create(named(54, `-${Math.random().toString(36).slice(2, 10)}`));
  }
}

function Subscribe({ application, taken }: { application: string; taken: string[] }) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const choice = useRef<HTMLInputElement>(null);
  const asked = useSearchParams()[0].get("api"); // where somebody comes from an API's page
  const [api, setApi] = useTyped<string | null>("api", asked !== null && !taken.includes(asked) ? asked : null);
  const [plan, setPlan] = useTyped<string | null>("plan", null);
  const chosen = useQuery(namedQuery(tenant, "apis", api === null ? [] : [api])).data?.[0];
  const plans = chosen?.spec.plans ?? [];
  const under = useQuery(namedQuery(tenant, "plans", plans)).data?.find((p) => objectName(p) === (plan ?? plans[0]));
  const run = useMutation({
    mutationFn: () => subscribe(tenant, { application, api: api ?? "", ...((plan ?? plans[0]) && { plan: plan ?? plans[0] }) }),
    onSuccess: async (made) => {
      sayAsked(tenant, made);
      setApi(null);
      setPlan(null);
      choice.current?.focus(); // the button can do nothing until another one is chosen
      await forgetTenant(queries, tenant);
    },
  });
  const free = (a: Schemas["API"]) => !taken.includes(objectName(a)) && takesSubscriptions(a);
  return (
    <Stack gap="xs">
      <Group align="flex-end">
        <ObjectSelect
          field={choice}
          noun="apis"
          label={words.subscribeTo}
          placeholder={words.choose}
          none={words.noApi}
          value={api}
          free={free}
          change={(found) => {
            setApi(found?.metadata?.name ?? null);
            setPlan(null);
          }}
        />
        {plans.length > 1 && <Select label={words.plan} data={plans} value={plan ?? plans[0] ?? null} onChange={setPlan} allowDeselect={false} />}
        <Button disabled={!api} loading={run.isPending} onClick={() => { run.mutate(); }}>{words.subscribe}</Button>
      </Group>
      {under && <Text size="sm" role="status">{words.terms(objectName(under), termsOf(under))}</Text>}
      <Text size="xs" c="dimmed">{words.help}</Text>
      {run.error && <ProblemAlert error={run.error} />}
    </Stack>
  );
}
