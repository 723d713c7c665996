import { Button, Group, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import type { Schemas } from "../../api/client";
import { reconcile, reconciliationQuery } from "../../api/key-managers";
import { administers } from "../../session/areas";
import { useSession } from "../../session/session";
import { useTenant } from "../../shell/place";
import { texts } from "../../texts";
import type { Tone } from "../../theme";
import { StateBadge } from "../../ui/state-badge";
import { Icon } from "../../ui/icon";
import { ObjectLink } from "../../ui/object-link";
import { Section } from "../../ui/page";
import { ProblemAlert } from "../../ui/problem-alert";
import { DataTable } from "../../ui/table";
import { Time } from "../../ui/time";

const words = texts.admin.clients;

const tones: Record<string, Tone> = { "in-step": "good", changed: "warn", vanished: "bad", orphan: "bad" };

/** How the clients that Keyward made stand at the server, and those there that nobody knows. */
export function Clients({ name }: { name: string }) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const admin = administers(useSession());
  const report = useQuery(reconciliationQuery(tenant, name));
  const look = useMutation({
    mutationFn: () => reconcile(tenant, name),
    onSettled: () => queries.invalidateQueries({ queryKey: reconciliationQuery(tenant, name).queryKey }),
  });
  if (report.error) return <ProblemAlert error={report.error} again={() => void report.refetch()} />;
  return (
    <Section
      title={words.title}
      actions={
        admin && (
          <Button
            size="xs"
            variant="light"
            leftSection={<Icon name="refresh" size={14} />}
            loading={look.isPending}
            onClick={() => { look.mutate(); }}
          >
            {words.look}
          </Button>
        )
      }
    >
      <Stack gap={4}>
        <Text size="sm" c="dimmed">{words.lead}</Text>
        {report.data && (
          <Group gap="md">
            {report.data.waiting > 0 && <Text size="sm">{words.waiting(report.data.waiting)}</Text>}
            {report.data.searchedAt && <Text size="sm">{words.searched} <Time at={report.data.searchedAt} past /></Text>}
            {report.data.note && <Text size="sm">{report.data.note}</Text>}
          </Group>
        )}
      </Stack>
      {look.error && <ProblemAlert error={look.error} />}
      <DataTable<Schemas["StandingClient"]>
        label={words.title}
        rows={report.data && (report.data.lines ?? [])}
        keyOf={(line) => line.name + (line.clientId ?? "")}
        empty={<Text c="dimmed">{report.data?.waiting ? words.noneChecked : words.none}</Text>}
        columns={[
          { title: words.client, cell: (line) => <Text ff="monospace" size="xs">{line.clientId ?? line.name}</Text> },
          { title: words.application, cell: (line) => line.application && <ObjectLink noun="applications" name={line.application} /> },
          { title: words.verdict, cell: (line) => <StateBadge tone={tones[line.verdict] ?? "quiet"}>{line.verdict}</StateBadge> },
          { title: words.found, wide: true, cell: (line) => (line.found ?? []).join("; ") },
          { title: words.mend, wide: true, cell: (line) => line.mend ?? "" },
          { title: words.looked, wide: true, cell: (line) => <Time at={line.lookedAt} past /> },
        ]}
      />
    </Section>
  );
}
