import { Button, Group, List, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";

import { declared } from "../../api/objects";
import { dryRun } from "../../api/publishing";
import type { Draft } from "../../object/draft";
import { useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { ProblemAlert } from "../../ui/problem";

const words = texts.publisher.preview;

/** What saving would change, as the server sees it, before anything is. */
export function Preview({ draft }: { draft: Draft<"apis"> }) {
  const tenant = useTenant();
  const run = useMutation({ mutationFn: () => dryRun(tenant, [declared("apis", draft.object)]) });
  return (
    <Stack gap="xs">
      <Group>
        <Button variant="light" loading={run.isPending} onClick={() => { run.mutate(); }}>{words.run}</Button>
        <Text size="xs" c="dimmed">{words.lead}</Text>
      </Group>
      {run.error && <ProblemAlert error={run.error} />}
      {run.data?.map((result) => (
        <Stack key={result.name} gap={2} role="status">
          <Text size="sm" fw={600}>{words.would(result.action)}</Text>
          <List size="sm">
            {(result.changes ?? []).map((change) => (
              <List.Item key={change.path}>
                <Text span ff="monospace" size="sm">{change.path}</Text>{" "}
                <Text span size="sm" c="dimmed">{short(change.from)} → {short(change.to)}</Text>
              </List.Item>
            ))}
          </List>
        </Stack>
      ))}
    </Stack>
  );
}

function short(value: unknown): string {
  if (value === undefined) return words.nothing;
  const text = JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 117)}…` : text;
}
