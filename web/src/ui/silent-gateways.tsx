import type { Schemas } from "../api/client";
import { texts } from "../texts";
import { StateBadge } from "./state-badge";

const words = texts.admin.decisions;

/** That gateways did not answer, so that decisions may be missing from a list: which ones, for who is told their names, or how many. */
export function SilentGateways({ of }: { of: Pick<Schemas["Decisions"], "away" | "silent"> | undefined }) {
  const names = of?.away ?? [];
  const silent = of?.silent ?? 0;
  if (silent === 0) return null;
  return names.length > 0 ? (
    <StateBadge tone="warn" hint={words.awayHelp(names.join(", "))}>{words.away(names)}</StateBadge>
  ) : (
    <StateBadge tone="warn" hint={words.silentHelp}>{words.silent(silent)}</StateBadge>
  );
}
