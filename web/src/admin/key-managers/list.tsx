import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import type { Schemas } from "../../api/client";
import { healthListQuery } from "../../api/health";
import { administers } from "../../session/areas";
import { useSession } from "../../session/session";
import { useAddress, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { NameLink } from "../../ui/name-link";
import { ObjectList } from "../../ui/object-list";
import type { Column } from "../../ui/table";
import { Time } from "../../ui/time";
import { KeyManagerState } from "./state";

const words = texts.admin.keyManagers;

/** The tenant's key managers, each with how its server is. */
export function KeyManagers() {
  const to = useAddress();
  const tenant = useTenant();
  const session = useSession();
  const health = useQuery(healthListQuery(tenant));
  const healthOf = (name: string) => health.data?.get(name);
  const columns: Column<Schemas["KeyManager"]>[] = [
    {
      title: words.name,
      cell: (k) => {
        const name = k.metadata?.name ?? "";
        return <NameLink to={to("admin", "key-managers", name)} name={name} shown={k.spec.displayName} />;
      },
    },
    { title: words.type, cell: (k) => k.spec.type, wide: true },
    {
      title: words.issuer,
      wide: true,
      cell: (k) => <Text size="sm" style={{ overflowWrap: "anywhere" }}>{k.status?.issuer ?? k.spec.issuer}</Text>,
    },
    {
      title: words.state,
      cell: (k) => <KeyManagerState keyManager={k} health={healthOf(k.metadata?.name ?? "")} />,
    },
    { title: words.looked, wide: true, cell: (k) => <Time at={healthOf(k.metadata?.name ?? "")?.lookedAt} /> },
  ];
  return (
    <ObjectList
      noun="key-managers"
      path={["admin", "key-managers"]}
      words={words}
      icon="shield"
      add={administers(session) && words.add}
      columns={columns}
    />
  );
}
