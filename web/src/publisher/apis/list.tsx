import { Text } from "@mantine/core";

import type { Schemas } from "../../api/client";
import { objectName } from "../../api/objects";
import { publishes } from "../../session/areas";
import { useSession } from "../../session/session";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { APIState, TakenBy } from "../../ui/api-state";
import { NameLink } from "../../ui/name-link";
import { ObjectList } from "../../ui/object-list";
import type { Column } from "../../ui/table";

const words = texts.publisher.apis;

/** The tenant's APIs. */
export function APIs() {
  const to = useAddress();
  const may = publishes(useSession());
  const columns: Column<Schemas["API"]>[] = [
    {
      title: words.title,
      cell: (a) => {
        const name = objectName(a);
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
