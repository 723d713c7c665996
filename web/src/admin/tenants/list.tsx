import type { Schemas } from "../../api/client";
import { objectName } from "../../api/objects";
import { administers } from "../../session/areas";
import { useSession } from "../../session/session";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { NameLink } from "../../ui/name-link";
import { ObjectList } from "../../ui/object-list";
import type { Column } from "../../ui/table";

const words = texts.admin.tenants;

/** Who awaits an approval for keys, in words. */
function approvalOf(tenant: Schemas["Tenant"]): string {
  const approval = tenant.spec.keys?.approval;
  if (typeof approval === "string") return approval === "manual" ? words.both : words.neither;
  const manual = (["production", "sandbox"] as const).filter((environment) => approval?.[environment] === "manual");
  return manual.length === 2 ? words.both : (manual[0] ?? words.neither);
}

/** The tenants of the installation. */
export function Tenants() {
  const to = useAddress();
  const columns: Column<Schemas["Tenant"]>[] = [
    {
      title: texts.common.name,
      cell: (t) => {
        const name = objectName(t);
        return <NameLink to={to("admin", "tenants", name)} name={name} shown={t.spec.displayName} />;
      },
    },
    { title: words.approval, cell: (t) => approvalOf(t) },
    { title: texts.admin.connections.set, wide: true, cell: (t) => t.status?.set ?? "" },
  ];
  return (
    <ObjectList
      noun="tenants"
      path={["admin", "tenants"]}
      words={words}
      icon="box"
      add={administers(useSession()) && words.add}
      columns={columns}
    />
  );
}
