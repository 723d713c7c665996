import { Group } from "@mantine/core";

import type { Schemas } from "../../api/client";
import { texts } from "../../texts";
import type { Tone } from "../../theme";
import { HeldBadge } from "../../ui/hold";
import { StateBadge } from "../../ui/badge";

const words = texts.admin.keyManagers;

const healthTone: Record<string, Tone> = { ok: "good", warning: "warn", failing: "bad" };

interface Props {
  keyManager: Schemas["KeyManager"];
  health: Schemas["HealthSummary"] | undefined;
}

/** Whether a key manager is in use, and how its server is. A hold comes before everything else. */
export function KeyManagerState({ keyManager, health }: Props) {
  const hold = keyManager.status?.hold;
  if (hold) return <HeldBadge hold={hold} />;
  if (keyManager.spec.enabled === false) return <StateBadge tone="quiet">{words.disabled}</StateBadge>;
  const state = health?.state ?? "unknown";
  const label = words.health[state as keyof typeof words.health] as string | undefined;
  return (
    <Group gap={6}>
      <StateBadge tone={healthTone[state] ?? "quiet"} hint={health?.error}>
        {label ?? state}
      </StateBadge>
    </Group>
  );
}
