import { Anchor, Stack, Switch, Text } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import { callOf, decisionsQuery, type Decision } from "../../api/decisions";
import { useAddress, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { StateBadge } from "../../ui/state-badge";
import { Empty } from "../../ui/empty";
import { DataTable } from "../../ui/table";
import { Time } from "../../ui/time";
import { useNarrowed } from "../../ui/use-narrowed";

const words = texts.developer.calls;

/** What the gateways decided lately about an application's calls, first of all what they refused and why. */
export function Calls({ application }: { application: string }) {
  const to = useAddress();
  const { filter, put } = useNarrowed(["refused"]);
  const refused = filter.refused !== "no";
  const list = useQuery({
    ...decisionsQuery(useTenant(), { application, ...(refused && { refused }) }, 100),
    placeholderData: keepPreviousData,
  });
  return (
    <Stack>
      <Text size="sm" c="dimmed">{words.lead}</Text>
      <Switch
        label={words.refusedOnly}
        checked={refused}
        onChange={(event) => { put({ refused: event.currentTarget.checked ? "" : "no" }); }}
      />
      <DataTable<Decision>
        label={texts.developer.applications.tabs.calls}
        rows={list.data && (list.data.items ?? [])}
        folds
        error={list.error}
        again={() => void list.refetch()}
        keyOf={(d) => d.decision}
        empty={
          refused ? (
            <Empty icon="check" title={words.noneRefused}>{words.noneRefusedLead}</Empty>
          ) : (
            <Empty icon="eye" title={words.none}>{words.noneLead}</Empty>
          )
        }
        columns={[
          { title: words.when, cell: (d) => <Time at={d.at} past /> },
          {
            title: words.outcome,
            cell: (d) => (
              <Anchor component={Link} to={to("developer", "decisions", d.decision)}>
                <StateBadge tone={d.code ? "bad" : "good"}>{d.code || words.passed}</StateBadge>
              </Anchor>
            ),
          },
          { title: words.call, wide: true, cell: (d) => <Text size="sm">{callOf(d)}</Text> },
          { title: words.why, wide: true, cell: (d) => <Text size="sm">{d.detail}</Text> },
        ]}
      />
    </Stack>
  );
}
