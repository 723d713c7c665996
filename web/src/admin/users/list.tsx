import { objectName } from "../../api/objects";
import { administers } from "../../session/areas";
import { useSession } from "../../session/session";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { GroupLinks } from "../../ui/group-link";
import { NameLink } from "../../ui/name-link";
import { ObjectList } from "../../ui/object-list";

const words = texts.admin.users;

/** The people and programs that use the management plane, with their roles. */
export function Users() {
  const to = useAddress();
  const may = administers(useSession());
  return (
    <ObjectList
      noun="users"
      path={["admin", "users"]}
      words={words}
      icon="users"
      add={may && words.add}
      columns={[
        {
          title: texts.common.name,
          cell: (u) => <NameLink to={to("admin", "users", objectName(u))} name={objectName(u)} />,
        },
        { title: words.email, wide: true, cell: (u) => u.spec.email ?? "" },
        { title: words.roles, cell: (u) => (u.spec.roles ?? []).join(", ") },
        { title: words.groups, wide: true, cell: (u) => <GroupLinks names={u.spec.groups ?? []} /> },
      ]}
    />
  );
}
