import type { Schemas } from "../../../api/client";
import { texts } from "../../../texts";
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

/** Nobody approved it: it failed before its server was asked. */
export function isRejected({ state, approval }: Listed["status"]): boolean {
  return state === "failed" && approval !== undefined && approval.by === undefined;
}

/** How a key's state is called. */
export function stateName(status: Listed["status"]): string {
  const names: Record<string, string | undefined> = texts.developer.keys.states;
  return names[isRejected(status) ? "rejected" : status.state] ?? status.state;
}

/** The key at a place, and beside it the tries of which nobody knows whether their clients are at the server. */
export function keyIn(place: Listed[]): { key: Listed | undefined; lost: Listed[] } {
  const lost = place.filter(({ status }) => status.state === "failed" && status.orphan);
  const key = place.find((one) => !lost.includes(one)) ?? lost.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt)).at(-1);
  return { key, lost: lost.filter((one) => one !== key) };
}
