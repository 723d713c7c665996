import { Anchor, SimpleGrid, Text } from "@mantine/core";
import { usePrefetchQuery, useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import { decisionsQuery } from "../../api/decisions";
import { changesQuery, gatewayQuery, gatewaysKey, revokeGateway } from "../../api/gateways";
import { administers } from "../../session/areas";
import { useSession } from "../../session/session";
import { useAddress, useName, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Facts } from "../../ui/facts";
import { Page, Section } from "../../ui/page";
import { Revoke } from "../../ui/revoke";
import { Time } from "../../ui/time";
import { DecisionTable } from "../../decisions/table";
import { LackedChanges } from "./changes";
import { GatewayState, GatewayWay } from "./state";

const words = texts.admin.gateways;

const lastDecisions = (tenant: string, gateway: string) => decisionsQuery(tenant, { gateway }, 10);

/** One gateway: what it knows, what it lacks, and what it decided lately. */
export function GatewayPage() {
  const to = useAddress();
  const name = useName();
  const admin = administers(useSession());
  usePrefetchQuery(changesQuery(name)); // asked for at once, not after the gateway
  usePrefetchQuery(lastDecisions(useTenant(), name));
  const { data: gateway } = useSuspenseQuery(gatewayQuery(name));
  const help = words.help[gateway.state];
  const reports = gateway.state !== "revoked" && gateway.state !== "never";
  return (
    <Page
      title={name}
      lead={help}
      above={[{ to: to("admin", "gateways"), label: words.title }]}
      beside={<GatewayState gateway={gateway} />}
      actions={admin && !gateway.revokedAt && <Revoke words={words} name={name} word={name} stale={gatewaysKey} revoke={() => revokeGateway(name)} />}
    >
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl">
        <Facts
          rows={[
            [words.group, gateway.group],
            [words.knows, reports && <GatewayWay key="w" gateway={gateway} />],
            [words.build, gateway.build],
          ]}
        />
        <Facts
          rows={[
            [words.seen, <Time key="s" at={gateway.lastSeen} past />],
            [words.made, <Time key="m" at={gateway.createdAt} past />],
            [words.revokedAt, gateway.revokedAt && <Time key="r" at={gateway.revokedAt} past />],
          ]}
        />
      </SimpleGrid>
      {reports && <LackedChanges gateway={name} />}
      {reports && <Decided name={name} />}
    </Page>
  );
}

function Decided({ name }: { name: string }) {
  const to = useAddress();
  const list = useQuery(lastDecisions(useTenant(), name));
  const silent = (list.data?.away ?? []).includes(name);
  return (
    <Section
      title={words.decisions}
      actions={<Anchor component={Link} to={`${to("admin", "decisions")}?gateway=${name}`} size="sm">{words.allDecisions}</Anchor>}
    >
      <DecisionTable
        label={words.decisions}
        rows={list.data && (list.data.items ?? [])}
        error={list.error}
        without="gateway"
        empty={<Text size="sm" c="dimmed">{silent ? words.silent : words.noDecision}</Text>}
      />
    </Section>
  );
}
