import { Progress, Stack, Text } from "@mantine/core";

import type { Gateway } from "../../api/gateways";
import { texts } from "../../texts";
import { toneColor, type Tone } from "../../theme";
import { StateBadge } from "../../ui/state-badge";

const words = texts.admin.gateways;

const tones: Record<Gateway["state"], Tone> = { revoked: "quiet", never: "quiet", away: "bad", stale: "warn", behind: "warn", upToDate: "good" };

/** How a gateway stands towards the changes of its group. */
export function GatewayState({ gateway }: { gateway: Gateway }) {
  const { state } = gateway;
  return (
    <StateBadge tone={tones[state] ?? "quiet"} hint={words.help[state]}>
      {state === "behind" ? words.behind(gateway.lag) : words.states[state] ?? state}
    </StateBadge>
  );
}

/** How far the changes of its group have come to it: a bar while some are on their way, with room for it before. */
export function GatewayWay({ gateway }: { gateway: Gateway }) {
  if (gateway.state === "revoked" || gateway.state === "never") return null;
  const newest = gateway.revision + gateway.lag;
  return (
    <Stack gap={4} maw={180} mih={31} justify="center">
      <Text size="sm">{words.atRevision(gateway.revision, newest)}</Text>
      {gateway.lag > 0 && <Progress
        size="sm"
        value={Math.max(4, (gateway.revision / newest) * 100)}
        color={toneColor.warn}
        transitionDuration={300}
        aria-label={words.wayOf(gateway.name)}
      />}
    </Stack>
  );
}
