import { Badge, Button, Code, Group, Stack, Text } from "@mantine/core";
import { useSuspenseQueries } from "@tanstack/react-query";
import { Link } from "react-router";

import { allQuery, objectQuery } from "../../api/objects";
import { APIState, takenBy } from "../../publisher/apis/list";
import { OperationsTable } from "../../publisher/apis/operations";
import { useAddress, useName, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Facts } from "../../ui/facts";
import { Page, Section } from "../../ui/page";

const words = texts.developer.catalog;

/** One API as a developer needs it: where it is, whose tokens it takes, and what each operation wants. */
export function CatalogPage() {
  const tenant = useTenant();
  const name = useName();
  const to = useAddress();
  const [{ data: stored }, { data: managers }] = useSuspenseQueries({
    queries: [objectQuery(tenant, "apis", name), allQuery(tenant, "key-managers")],
  });
  const api = stored.object;
  const taken = takenBy(api);
  const offered = managers.filter((m) => m.spec.enabled !== false && (taken?.includes(m.metadata?.name ?? "") ?? true));
  return (
    <Page
      title={api.spec.title ?? name}
      above={[{ to: to("developer", "apis"), label: words.title }]}
      beside={<APIState api={api} />}
      actions={<Button component={Link} to={to("developer", "applications")}>{words.subscribe}</Button>}
    >
      <Section title={words.use}>
        <Facts
          rows={[
            [words.address, <Code key="a">{`${tenant === "default" ? "" : `/t/${tenant}`}${api.spec.context}/${api.spec.version}`}</Code>],
            [words.plans, (api.spec.plans ?? []).join(", ")],
            [words.subscription, api.spec.subscription === "none" ? words.notNeeded : words.needed],
          ]}
        />
      </Section>
      <Section title={words.keyManagers}>
        <Stack gap={4}>
          <Text size="sm" c="dimmed">{words.keyManagersLead}</Text>
          <Group gap="xs">
            {offered.map((m) => <Badge key={m.metadata?.name} variant="light" radius="sm" tt="none">{m.spec.displayName ?? m.metadata?.name}</Badge>)}
          </Group>
        </Stack>
      </Section>
      <Section title={words.operations}>
        <OperationsTable operations={api.spec.operations ?? []} />
      </Section>
    </Page>
  );
}
