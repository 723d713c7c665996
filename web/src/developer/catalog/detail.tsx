import { Alert, Anchor, Badge, Button, Group, Popover, Stack, Text } from "@mantine/core";
import { usePrefetchInfiniteQuery, useQuery, useSuspenseInfiniteQuery, useSuspenseQueries } from "@tanstack/react-query";
import { Link, useNavigate } from "react-router";

import { listQuery, namedQuery, objectName, objectQuery } from "../../api/objects";
import { operationsQuery, takesSubscriptions } from "../../api/publishing";
import { choicesQuery } from "../../api/search";
import { APIReference } from "../../reference";
import { useAddress, useName, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { APIAddress } from "../../ui/api-address";
import { APIState } from "../../ui/api-state";
import { Facts } from "../../ui/facts";
import { HeldSign } from "../../ui/held-sign";
import { Icon } from "../../ui/icon";
import { ObjectSelect } from "../../ui/object-select";
import { Page, Section } from "../../ui/page";
import { termsOf } from "../../ui/rates";

const words = texts.developer.catalog;

/** One API as a developer needs it: where it is, whose tokens it takes, and what each operation wants. */
export function CatalogPage() {
  const tenant = useTenant();
  const name = useName();
  const to = useAddress();
  usePrefetchInfiniteQuery(listQuery(tenant, "key-managers", { api: name, enabled: true }));
  const [{ data: stored }, { data: operations }] = useSuspenseQueries({
    queries: [objectQuery(tenant, "apis", name), operationsQuery(tenant, name)],
  });
  const api = stored.object;
  return (
    <Page
      title={api.spec.title ?? name}
      above={[{ to: to("developer", "apis"), label: words.title }]}
      beside={<><Text span c="dimmed">{api.spec.version}</Text><APIState api={api} /></>}
      actions={takesSubscriptions(api) && <SubscribeOne api={name} />}
    >
      {api.spec.state === "deprecated" && <Alert color="yellow" role="status" icon={<Icon name="warn" />} title={words.deprecated}>{words.deprecatedLead}</Alert>}
      <Section title={words.use}>
        <Facts
          rows={[
            [words.address, <APIAddress key="a" api={api} />],
            [words.plans, api.spec.plans?.length ? <Plans key="p" names={api.spec.plans} /> : undefined],
            [words.subscription, api.spec.subscription === "none" ? words.notNeeded : words.needed],
          ]}
        />
      </Section>
      <Section title={words.keyManagers}>
        <Stack gap={4}>
          <Text size="sm" c="dimmed">{words.keyManagersLead}</Text>
          <KeyManagers api={name} />
        </Stack>
      </Section>
      <Section title={words.operations}>
        <APIReference api={api} operations={operations} />
      </Section>
    </Page>
  );
}

// The plans to choose from, with what each allows.
function Plans({ names }: { names: string[] }) {
  const plans = useQuery(namedQuery(useTenant(), "plans", names)).data ?? [];
  return (
    <Stack gap={2}>
      {names.map((name) => {
        const plan = plans.find((p) => objectName(p) === name);
        return <Text key={name} size="sm">{name}{plan && <Text span inherit c="dimmed"> {termsOf(plan)}</Text>}</Text>;
      })}
    </Stack>
  );
}

// The key managers whose tokens the API takes, the first ones at once.
function KeyManagers({ api }: { api: string }) {
  const list = useSuspenseInfiniteQuery(listQuery(useTenant(), "key-managers", { api, enabled: true }));
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = list;
  const offered = list.data.pages.flatMap((page) => page.items);
  return (
    <Group gap="xs">
      {offered.map((m) => (
        <Group key={m.metadata?.name} gap={4}>
          <Badge variant="light" radius="sm" tt="none" color={m.status?.hold ? "red" : "pine"}>{m.spec.displayName ?? m.metadata?.name}</Badge>
          {m.status?.hold && <HeldSign hold={m.status.hold} />}
        </Group>
      ))}
      {offered.length === 0 && <Text size="sm" role="status">{words.noKeyManager}</Text>}
      {hasNextPage && (
        <Button size="compact-xs" variant="subtle" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>{texts.table.more}</Button>
      )}
    </Group>
  );
}

// Chooses the application, or makes one, and goes where it is subscribed with the API already chosen.
function SubscribeOne({ api }: { api: string }) {
  const to = useAddress();
  const navigate = useNavigate();
  const own = useQuery(choicesQuery(useTenant(), "applications", "")).data?.found;
  const chosen = `?${new URLSearchParams({ api }).toString()}`;
  const add = `${to("developer", "applications", "new")}${chosen}`;
  if (own?.length === 0) return <Button component={Link} to={add}>{words.subscribe}</Button>;
  return (
    <Popover width={320} position="bottom-end" withArrow trapFocus>
      <Popover.Target><Button>{words.subscribe}</Button></Popover.Target>
      <Popover.Dropdown>
        <Stack gap="xs">
          {/* Above the choice, whose list unfolds at once and would hide it. */}
          <Anchor component={Link} to={add} size="sm">{texts.developer.applications.add}</Anchor>
          <ObjectSelect
            noun="applications"
            label={words.whichApplication}
            none={texts.reference.tryout.noApplication}
            required
            value={null}
            change={(application) => {
              if (application) void navigate(`${to("developer", "applications", objectName(application), "subscriptions")}${chosen}`);
            }}
            first
          />
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
