import { Anchor, Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import { decisionsQuery } from "../../api/decisions";
import { apiUsagesQuery } from "../../api/publishing";
import { DecisionTable } from "../../decisions/table";
import { useAddress, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Section } from "../../ui/page";
import { SilentGateways } from "../../ui/silent-gateways";
import { useListOf } from "../../ui/use-list";

const words = texts.publisher.apis;

/** As many calls are on the page of an API. */
const shown = 10;

/** What became of an API's calls lately: how many there were, and the last ones, each with the way to why. */
export function APICalls({ name }: { name: string }) {
  const tenant = useTenant();
  const to = useAddress();
  const counted = useQuery(apiUsagesQuery(tenant, name)).data?.calls;
  const list = useQuery(decisionsQuery(tenant, { api: name }, shown));
  const callers = useListOf("subscriptions", { api: name });
  if (list.isPending || (callers.rows === undefined && !callers.error)) return null; // it comes last, below what has found its height
  return (
    <Section
      title={words.calls}
      actions={<Anchor component={Link} to={`${to("publisher", "decisions")}?${new URLSearchParams({ api: name }).toString()}`} size="sm">{words.allCalls}</Anchor>}
    >
      <Group gap="sm" mb="xs">
        {counted && <Text size="sm">{words.callsLately(counted.passed, counted.refused)}</Text>}
        <SilentGateways of={list.data} />
      </Group>
      <DecisionTable
        label={words.calls}
        rows={list.data && (list.data.items ?? [])}
        error={list.error}
        again={() => void list.refetch()}
        empty={<Text size="sm" c="dimmed">{words.noCall}</Text>}
      />
    </Section>
  );
}
