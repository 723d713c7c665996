import { Text } from "@mantine/core";

import type { Schemas } from "../../api/client";
import { stateOf } from "../../api/publishing";
import { publishes } from "../../session/areas";
import { useSession } from "../../session/session";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import type { Tone } from "../../theme";
import { StateBadge } from "../../ui/state-badge";
import { NameLink } from "../../ui/name-link";
import { ObjectLinks } from "../../ui/object-link";
import { ObjectList } from "../../ui/object-list";
import type { Column } from "../../ui/table";

const words = texts.publisher.apis;

const tones: Record<string, Tone> = { draft: "busy", published: "good", deprecated: "warn", retired: "quiet" };

/** An API's state as a word in its colour. */
export function APIState({ api }: { api: Schemas["API"] }) {
  const state = stateOf(api);
  return <StateBadge tone={tones[state] ?? "quiet"}>{state}</StateBadge>;
}

/** The names of the key managers whose tokens an API takes; undefined stands for all. */
export function takenBy(api: Schemas["API"]): string[] | undefined {
  const { keyManagers } = api.spec;
  return keyManagers === "all" ? undefined : keyManagers.map((k) => (typeof k === "string" ? k : k.name));
}

/** The key managers whose tokens an API takes, in red those that are held. */
export function TakenBy({ api }: { api: Schemas["API"] }) {
  const names = takenBy(api);
  return names ? <ObjectLinks noun="key-managers" names={names} /> : <>{texts.common.all}</>;
}

/** The tenant's APIs. */
export function APIs() {
  const to = useAddress();
  const may = publishes(useSession());
  const columns: Column<Schemas["API"]>[] = [
    {
      title: words.title,
      cell: (a) => {
        const name = a.metadata?.name ?? "";
        return <NameLink to={to("publisher", "apis", name)} name={name} shown={a.spec.title} />;
      },
    },
    { title: words.address, wide: true, cell: (a) => <Text ff="monospace" size="sm">{a.spec.context}/{a.spec.version}</Text> },
    { title: words.state, cell: (a) => <APIState api={a} /> },
    { title: words.keyManagers, wide: true, cell: (a) => <TakenBy api={a} /> },
    { title: words.operations, wide: true, number: true, cell: (a) => (a.spec.operations ?? []).length || words.fromOpenAPI },
  ];
  return (
    <ObjectList
      noun="apis"
      path={["publisher", "apis"]}
      words={{ ...words, title: words.heading }}
      icon="box"
      add={may && words.add}
      columns={columns}
    />
  );
}
