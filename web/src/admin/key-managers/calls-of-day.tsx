import { Anchor, Box, Group, Stack, Text, Tooltip } from "@mantine/core";
import { Link } from "react-router";

import type { Schemas } from "../../api/client";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { Spark } from "../../ui/spark";

const words = texts.admin.keyManagers;

const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** The calls of a day with a key manager's tokens: how many, how many were refused, and in which hours. */
export function CallsOfDay({ name, calls }: { name: string; calls: Schemas["HealthCalls"] | undefined }) {
  const to = useAddress();
  if (!calls) return null;
  const said = words.callsOfDay(calls.passed, calls.refused);
  if (!calls.passedByHour) return <Text size="sm" c="dimmed">{words.noCall}</Text>;
  return (
    <Tooltip label={said} multiline maw={280}>
      <Anchor component={Link} to={to("admin", "key-managers", name, "traffic")} underline="never" aria-label={said}>
        <Group gap="xs" wrap="nowrap">
          <Box visibleFrom="xs"><Spark good={calls.passedByHour} bad={calls.refusedByHour ?? []} label={words.byHour} /></Box>
          <Stack gap={0} miw={64}>
            <Text size="sm" inline c="var(--mantine-color-text)">{short.format(calls.passed)}</Text>
            <Text size="xs" inline mt={3} c={calls.refused > 0 ? "red" : "dimmed"}>{words.refused(short.format(calls.refused))}</Text>
          </Stack>
        </Group>
      </Anchor>
    </Tooltip>
  );
}
