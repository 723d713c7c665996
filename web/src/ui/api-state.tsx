import type { Schemas } from "../api/client";
import { stateOf, takenBy } from "../api/publishing";
import { texts } from "../texts";
import type { Tone } from "../theme";
import { ObjectLinks } from "./object-link";
import { StateBadge } from "./state-badge";

const tones: Record<string, Tone> = { draft: "busy", published: "good", deprecated: "warn", retired: "quiet" };

/** An API's state as a word in its colour. */
export function APIState({ api }: { api: Schemas["API"] }) {
  const state = stateOf(api);
  return <StateBadge tone={tones[state] ?? "quiet"}>{state}</StateBadge>;
}

/** The key managers whose tokens an API takes, in red those that are held. */
export function TakenBy({ api }: { api: Schemas["API"] }) {
  const names = takenBy(api);
  return names ? <ObjectLinks noun="key-managers" names={names} /> : <>{texts.common.all}</>;
}
