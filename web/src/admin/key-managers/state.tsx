import type { Schemas } from "../../api/client";
import { texts } from "../../texts";
import type { Tone } from "../../theme";
import { HeldBadge } from "../../ui/hold";
import { StateBadge } from "../../ui/state-badge";

const words = texts.admin.keyManagers;

const tones: Record<string, Tone> = { ok: "good", warning: "warn", failing: "bad" };

/** Whether a key manager is in use, where nothing is known of its server's health. */
export function KeyManagerUse({ keyManager }: { keyManager: Schemas["KeyManager"] }) {
  const hold = keyManager.status?.hold;
  if (hold) return <HeldBadge hold={hold} />;
  return keyManager.spec.enabled === false ? (
    <StateBadge tone="quiet">{words.health.disabled}</StateBadge>
  ) : (
    <StateBadge tone="good">{words.inUse}</StateBadge>
  );
}

/** How a key manager's server is; a hold comes before everything else. Before anybody looked it is unknown. */
export function KeyManagerState({ hold, state = "unknown", error }: Partial<Pick<Schemas["HealthSummary"], "hold" | "state" | "error">>) {
  if (hold) return <HeldBadge hold={hold} />;
  const label = words.health[state as keyof typeof words.health] as string | undefined;
  return <StateBadge tone={tones[state] ?? "quiet"} hint={error}>{label ?? state}</StateBadge>;
}
