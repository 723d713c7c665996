import type { Schemas } from "../../api/client";
import { ownersOf } from "../../api/groups";
import { objectName } from "../../api/objects";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { StateBadge } from "../../ui/state-badge";
import { HeldBadge } from "../../ui/hold";
import { NameLink } from "../../ui/name-link";
import { ObjectList } from "../../ui/object-list";
import { OwnersInRow } from "../../ui/owners";
import type { Column } from "../../ui/table";

const words = texts.developer.applications;

/** The applications that the person may see. */
export function Applications() {
  const to = useAddress();
  const columns: Column<Schemas["Application"]>[] = [
    {
      title: words.name,
      cell: (a) => {
        const name = objectName(a);
        return <NameLink to={to("developer", "applications", name)} name={name} shown={a.spec.displayName} />;
      },
    },
    { title: words.owners, cell: (a) => <OwnersInRow names={ownersOf(a)} /> },
    {
      title: words.state,
      cell: (a) =>
        a.status?.hold ? <HeldBadge hold={a.status.hold} /> : a.status?.deleting ? <StateBadge tone="busy">{words.deleting}</StateBadge> : <StateBadge tone="good">{words.inUse}</StateBadge>,
    },
  ];
  return (
    <ObjectList
      noun="applications"
      path={["developer", "applications"]}
      words={words}
      icon="app"
      add={words.add}
      columns={columns}
    />
  );
}
