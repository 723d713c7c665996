import type { Schemas } from "../api/client";
import { opens, type Area } from "../session/areas";
import type { Session } from "../session/session";
import { texts } from "../texts";
import type { IconName } from "../ui/icon";

/** The pages that show one object of a kind. */
export interface Searched {
  area: Area;
  path: string[];
  label: string;
  icon: IconName;
}

const admin = texts.admin.nav;
const all: Record<string, Searched[]> = {
  KeyManager: [{ area: "admin", path: ["admin", "key-managers"], label: admin.keyManagers, icon: "shield" }],
  Connection: [{ area: "admin", path: ["admin", "connections"], label: admin.connections, icon: "plug" }],
  User: [{ area: "admin", path: ["admin", "users"], label: admin.users, icon: "users" }],
  Tenant: [{ area: "admin", path: ["admin", "tenants"], label: admin.tenants, icon: "box" }],
  API: [
    { area: "publisher", path: ["publisher", "apis"], label: texts.publisher.nav.apis, icon: "box" },
    { area: "developer", path: ["developer", "apis"], label: texts.developer.nav.catalog, icon: "book" },
  ],
  Plan: [{ area: "publisher", path: ["publisher", "plans"], label: texts.publisher.nav.plans, icon: "gauge" }],
  Application: [{ area: "developer", path: ["developer", "applications"], label: texts.developer.nav.applications, icon: "app" }],
  OAuthClient: [{ area: "developer", path: ["developer", "keys"], label: texts.developer.nav.applications, icon: "key" }],
};

/** Where a session sees what was found; undefined where it opens no page of that kind. */
export function searched(session: Session, hit: Schemas["Hit"]): Searched | undefined {
  return all[hit.kind]?.find((s) => opens(session, s.area) && (hit.kind !== "Tenant" || session.tenant === "default"));
}
