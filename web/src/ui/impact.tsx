import { List, Stack, Text } from "@mantine/core";

import type { Schemas } from "../api/client";
import { texts } from "../texts";

const words = texts.impact;

/** What would follow, as the server counts it: calls, what nobody reaches any more, and who stands in the way. */
export function ImpactList({ impact }: { impact: Schemas["Impact"] | undefined }) {
  if (!impact) return <Text size="sm" c="dimmed">{words.looking}</Text>;
  const refused = impact.refusedBy ?? [];
  return (
    <Stack gap={4} role="status">
      <Text size="sm" fw={600}>{words.calls(impact.calls)}</Text>
      {(impact.apis ?? []).length > 0 && <Text size="sm">{words.apis} {(impact.apis ?? []).join(", ")}</Text>}
      {(impact.applications ?? []).length > 0 && (
        <Text size="sm">{words.applications} {(impact.applications ?? []).join(", ")}</Text>
      )}
      {refused.length > 0 && (
        <>
          <Text size="sm" c="red">{words.refused}</Text>
          <List size="sm">
            {refused.map((r) => <List.Item key={r.kind + r.name}>{r.kind} {r.name}</List.Item>)}
          </List>
        </>
      )}
    </Stack>
  );
}
