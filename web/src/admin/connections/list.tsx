import type { Schemas } from "../../api/client";
import { objectName } from "../../api/objects";
import { administers } from "../../session/areas";
import { useSession } from "../../session/session";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { NameLink } from "../../ui/name-link";
import { ObjectList } from "../../ui/object-list";
import type { Column } from "../../ui/table";

const words = texts.admin.connections;

/** The credentials that several key managers share. */
export function Connections() {
  const to = useAddress();
  const columns: Column<Schemas["Connection"]>[] = [
    {
      title: texts.common.name,
      cell: (c) => {
        const name = objectName(c);
        return <NameLink to={to("admin", "connections", name)} name={name} shown={c.spec.displayName} />;
      },
    },
    { title: words.type, cell: (c) => c.spec.type },
    { title: words.set, wide: true, cell: (c) => c.status?.set ?? "" },
  ];
  return (
    <ObjectList
      noun="connections"
      path={["admin", "connections"]}
      words={words}
      icon="plug"
      add={administers(useSession()) && words.add}
      columns={columns}
    />
  );
}
