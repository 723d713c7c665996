import type { Schemas } from "../../../api/client";
import { toneColor, type Tone } from "../../../theme";

const tones: Record<string, Tone> = {
  active: "good",
  awaiting: "busy",
  pending: "busy",
  rotating: "busy",
  updating: "busy",
  deleting: "busy",
  revoking: "busy",
  drifted: "warn",
  failed: "bad",
  revoked: "quiet",
};

/** How a key's state is to be taken. */
export function toneOf(state: string): Tone {
  return tones[state] ?? "quiet";
}

/** The same as a colour. */
export function stateTone(state: string): string {
  return toneColor[toneOf(state)];
}

type Listed = Schemas["ListedKeys"];

/** The key at a place, and beside it the tries of which nobody knows whether their clients are at the server. */
export function keyIn(place: Listed[]): { key: Listed | undefined; lost: Listed[] } {
  const lost = place.filter(({ status }) => status.state === "failed" && status.orphan);
  const key = place.find((one) => !lost.includes(one)) ?? lost.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt)).at(-1);
  return { key, lost: lost.filter((one) => one !== key) };
}
