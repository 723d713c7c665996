import { Alert, Anchor, Group, List, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import type { Schemas } from "../../api/client";
import { typesQuery, usagesQuery } from "../../api/key-managers";
import { useAddress, useName, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Breaking } from "../../ui/breaking";
import { Copy } from "../../ui/copy";
import { Facts } from "../../ui/facts";
import { ObjectLink } from "../../ui/object-link";
import { Section } from "../../ui/page";
import { ProblemAlert } from "../../ui/problem-alert";
import { DataTable } from "../../ui/table";
import { Time } from "../../ui/time";
import { ConsoleClient } from "./console-client";

const words = texts.admin.keyManager;

// An address with a button to copy it; nothing where there is none.
function address(value: string | undefined): ReactNode {
  return value && (
    <Group gap={4} wrap="nowrap">
      <Text span inherit style={{ overflowWrap: "anywhere" }}><Breaking>{value}</Breaking></Text>
      <Copy value={value} label={texts.copy.copy} />
    </Group>
  );
}

/** What the key manager is set to and what its server said, and everything that depends on it. */
export function Overview({ keyManager }: { keyManager: Schemas["KeyManager"] }) {
  const { spec, status } = keyManager;
  const types = useQuery(typesQuery(useTenant()));
  const endpoints = { ...status?.endpoints, ...spec.endpoints };
  return (
    <Stack gap="xl">
      {(status?.notes ?? []).length > 0 && (
        <Alert color="yellow" title={words.notes}>
          <List size="sm">{(status?.notes ?? []).map((note) => <List.Item key={note}>{note}</List.Item>)}</List>
        </Alert>
      )}
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl">
        <Section title={words.server}>
          <Facts
            rows={[
              [words.type, types.data?.find((t) => t.name === spec.type)?.title ?? spec.type],
              [words.issuer, address(spec.issuer ?? status?.issuer)],
              [words.keys, address(spec.keys?.jwks ?? status?.jwks)],
              [words.token, address(endpoints.token)],
              [words.introspection, address(endpoints.introspection)],
              [words.registration, address(endpoints.registration)],
              [words.discovered, status?.discoveredAt && <Time key="d" at={status.discoveredAt} past />],
            ]}
          />
        </Section>
        <Section title={words.rules}>
          <Facts
            rows={[
              [words.environments, (spec.environments ?? ["production", "sandbox"]).join(", ")],
              [words.use, spec.tokens?.use ?? "direct"],
              [words.jwt, spec.tokens?.jwt ?? "local"],
              [words.audiences, (spec.tokens?.audiences ?? []).join(", ") || words.anyAudience],
              [words.create, spec.clients?.create === false ? texts.common.no : texts.common.yes],
              [words.map, spec.clients?.map === false ? texts.common.no : texts.common.yes],
              [words.allowed, (spec.permissions?.allow ?? []).join(", ")],
              [words.denied, (spec.permissions?.deny ?? []).join(", ")],
              [words.global, spec.global ? texts.common.yes : undefined],
              [texts.admin.signIn.from, spec.signIn?.enabled ? texts.admin.signIn.yes : undefined],
            ]}
          />
        </Section>
      </SimpleGrid>
      {status?.signInClient && <ConsoleClient standing={status.signInClient} />}
      <UsedBy />
    </Stack>
  );
}

function UsedBy() {
  const name = useName();
  const to = useAddress();
  const usages = useQuery(usagesQuery(useTenant(), name));
  if (usages.error) return <ProblemAlert error={usages.error} again={() => void usages.refetch()} />;
  return (
    <Section title={words.usedBy}>
      <DataTable
        label={words.usedBy}
        keyOf={(api) => api.name}
        rows={usages.data && (usages.data.apis ?? [])}
        empty={<Text c="dimmed">{words.noApi} <Anchor component={Link} to={to("publisher", "apis")} inherit>{words.toApis}</Anchor></Text>}
        columns={[
          {
            title: words.api,
            cell: (api) => <ObjectLink noun="apis" name={api.name} strong />,
          },
          { title: words.how, cell: (api) => (api.all ? words.takesAll : words.namesIt) },
          { title: words.calls, number: true, cell: (api) => texts.admin.remove.counted(api.calls.passed, api.calls.refused) },
        ]}
      />
    </Section>
  );
}
