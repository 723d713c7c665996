import { Anchor, Button, Group, SimpleGrid, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { usePrefetchInfiniteQuery, useQuery, useSuspenseQueries } from "@tanstack/react-query";
import { Link } from "react-router";

import type { Schemas } from "../../api/client";
import { listQuery, manifestSetOf, objectName, objectQuery, type Stored } from "../../api/objects";
import { apiUsagesQuery, isServed, operationsQuery, stateOf, versionsQuery } from "../../api/publishing";
import { DeleteObject } from "../../object/delete";
import { ManifestSetNote } from "../../object/manifest-set-note";
import { APIReference } from "../../reference";
import { publishes } from "../../session/areas";
import { useSession } from "../../session/session";
import { useAddress, useName, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { APIAddress } from "../../ui/api-address";
import { APIState, TakenBy } from "../../ui/api-state";
import { CopyAsCode } from "../../ui/code-block";
import { Facts } from "../../ui/facts";
import { GroupLinks } from "../../ui/group-link";
import { ImpactList, isRefused } from "../../ui/impact";
import { InForce } from "../../ui/in-force";
import { ObjectLink, ObjectLinks } from "../../ui/object-link";
import { Page, Section } from "../../ui/page";
import { SubscriptionState } from "../../ui/subscription-state";
import { DataTable } from "../../ui/table";
import { useListOf } from "../../ui/use-list";
import { APICalls } from "./calls";
import { DefaultVersion } from "./default";
import { ChangeState } from "./change-state";

const words = texts.publisher.apis;

/** One API: where it is, whose tokens it takes, its operations and who calls it. */
export function APIPage() {
  const tenant = useTenant();
  const name = useName();
  const to = useAddress();
  const may = publishes(useSession());
  usePrefetchInfiniteQuery(listQuery(tenant, "subscriptions", { api: name })); // asked for at once, not after the API
  const [{ data: stored }, { data: operations }] = useSuspenseQueries({
    queries: [objectQuery(tenant, "apis", name), operationsQuery(tenant, name)],
  });
  const others = (useQuery(versionsQuery(tenant, stored.object.spec.context)).data ?? []).filter((a) => a.metadata?.name !== name);
  const api = stored.object;
  return (
    <Page
      title={api.spec.title ?? name}
      above={[{ to: to("publisher", "apis"), label: texts.publisher.nav.apis }]}
      beside={<><Text span c="dimmed">{api.spec.version}</Text><APIState api={api} /><InForce noun="apis" name={name} /></>}
      actions={
        <>
          <CopyAsCode noun="apis" object={api} />
          {may && stateOf(api) !== "draft" && <Button component={Link} to={`${to("publisher", "apis", "new")}?${new URLSearchParams({ from: name }).toString()}`} variant="default">{words.newVersion}</Button>}
          {may && <Button component={Link} to={to("publisher", "apis", name, "edit")} variant="default">{texts.common.edit}</Button>}
          {may && manifestSetOf(api) === undefined && <ChangeState stored={stored} />}
          {may && manifestSetOf(api) === undefined && <Remove stored={stored} />}
        </>
      }
    >
      <ManifestSetNote set={manifestSetOf(api)} />
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl">
        <Section title={words.place}>
          <Facts
            rows={[
              [words.address, <APIAddress key="a" api={api} />],
              [words.isDefault, <DefaultVersion key="d" api={api} others={others} may={may} />],
              [words.versions, others.length > 0 && <Versions key="v" apis={others} />],
              [words.production, api.spec.upstream.production],
              [words.sandbox, api.spec.upstream.sandbox],
              [words.gateways, (api.spec.gateways ?? ["default"]).join(", ")],
              [words.visibility, api.spec.visibility?.length ? <GroupLinks key="g" names={api.spec.visibility} /> : words.everybody],
            ]}
          />
        </Section>
        <Section title={words.rules}>
          <Facts
            rows={[
              [words.keyManagers, <Taken key="k" api={api} />],
              [words.audiences, (api.spec.audiences ?? []).join(", ")],
              [words.subscription, words.subscriptions.find((c) => c.value === (api.spec.subscription ?? "required"))?.label],
              [words.plans, api.spec.plans?.length ? <ObjectLinks key="p" noun="plans" names={api.spec.plans} /> : undefined],
              [words.credential, words.credentials.find((c) => c.value === (api.spec.credential ?? "remove"))?.label],
              [words.backendJWT, api.spec.backendJWT?.enabled ? words.inHeader(api.spec.backendJWT.subject ?? "qualified") : texts.common.no],
            ]}
          />
        </Section>
      </SimpleGrid>
      <Section title={words.operations}>
        <APIReference api={api} operations={operations} />
      </Section>
      <Callers name={name} />
      <APICalls name={name} />
    </Page>
  );
}

// Whose tokens the API takes, with what it wants of one key manager's beside its own rules.
function Taken({ api }: { api: Schemas["API"] }) {
  const uses = api.spec.keyManagers === "all" ? [] : api.spec.keyManagers.filter((use) => typeof use !== "string");
  return (
    <>
      <TakenBy api={api} />
      {uses.map((use) => {
        const wants = [
          ...(use.audiences?.length ? [words.audienceOf(use.audiences)] : []),
          ...Object.entries(use.scopes ?? {}).map(([from, to]) => words.scopesOf(from, to)),
        ];
        return wants.length > 0 && <Text key={use.name} size="sm" c="dimmed">{use.name}: {wants.join(", ")}</Text>;
      })}
    </>
  );
}

// The other versions of the API, each a page of its own.
function Versions({ apis }: { apis: Schemas["API"][] }) {
  const to = useAddress();
  return (
    <Group gap="xs">
      {apis.map((a) => (
        <Group key={a.metadata?.name} gap={4}>
          <Anchor component={Link} to={to("publisher", "apis", objectName(a))} size="sm">{a.spec.version}</Anchor>
          <APIState api={a} />
        </Group>
      ))}
    </Group>
  );
}

function Callers({ name }: { name: string }) {
  return (
    <Section title={words.callers}>
      <DataTable
        label={words.callers}
        keyOf={objectName}
        empty={<Text size="sm" c="dimmed">{words.noCaller}</Text>}
        columns={[
          {
            title: words.application,
            cell: (s) => <ObjectLink noun="applications" name={s.spec.application} strong />,
          },
          { title: words.subscriptionName, wide: true, cell: (s) => <ObjectLink noun="subscriptions" name={objectName(s)} /> },
          { title: texts.developer.subscriptions.plan, cell: (s) => s.spec.plan ? <ObjectLink noun="plans" name={s.spec.plan} /> : texts.common.none },
          { title: words.state, cell: (s) => <SubscriptionState subscription={s} /> },
        ]}
        {...useListOf("subscriptions", { api: name })}
      />
    </Section>
  );
}

function Remove({ stored }: { stored: Stored<"apis"> }) {
  const to = useAddress();
  const [opened, { open, close }] = useDisclosure(false);
  const usages = useQuery({ ...apiUsagesQuery(useTenant(), objectName(stored.object)), enabled: opened });
  return (
    <>
      <Button variant="default" c="red" onClick={open}>{texts.common.delete}</Button>
      <DeleteObject noun="apis" stored={stored} opened={opened} close={close} list={to("publisher", "apis")} lead={words.deleteLead} refused={isRefused(usages.data?.delete)}>
        {opened && <ImpactList impact={usages.data?.delete} />}
        {isRefused(usages.data?.delete) && isServed(stored.object) && <Text size="sm">{words.retireInstead}</Text>}
      </DeleteObject>
    </>
  );
}
