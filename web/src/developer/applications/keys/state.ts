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
