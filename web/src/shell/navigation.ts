import { administers, type Area } from "../session/areas";
import type { Session } from "../session/session";
import { texts } from "../texts";
import type { IconName } from "../ui/icon";

const { sections } = texts.shell;

/** One entry of an area's menu. */
export interface Entry {
  /** The part of the menu that begins with it. */
  section?: string;
  path: string[];
  label: string;
  icon: IconName;
  /** Of the whole installation, which the people of the tenant default look after. */
  installation?: boolean;
  /** What waits for somebody there is counted. */
  waits?: "keys" | "subscriptions";
  /** Auditors do not see it. */
  administrators?: boolean;
}

// The menu of each area, in the order in which it is shown.
const navigation: Record<Area, Entry[]> = {
  admin: [
    { section: sections.servers, path: ["admin", "key-managers"], label: texts.admin.nav.keyManagers, icon: "shield" },
    { path: ["admin", "connections"], label: texts.admin.nav.connections, icon: "plug" },
    { section: sections.traffic, path: ["admin", "decisions"], label: texts.admin.nav.decisions, icon: "eye" },
    { path: ["admin", "gateways"], label: texts.admin.nav.gateways, icon: "server", installation: true },
    { path: ["admin", "holds"], label: texts.admin.nav.holds, icon: "pause" },
    { section: sections.control, path: ["admin", "approvals"], label: texts.admin.nav.approvals, icon: "check", waits: "keys" },
    { path: ["admin", "audit"], label: texts.admin.nav.audit, icon: "list" },
    { section: sections.people, path: ["admin", "users"], label: texts.admin.nav.users, icon: "users" },
    { path: ["admin", "sessions"], label: texts.admin.nav.sessions, icon: "user", administrators: true },
    { path: ["admin", "tokens"], label: texts.admin.nav.tokens, icon: "key" },
    { path: ["admin", "tenants"], label: texts.admin.nav.tenants, icon: "box", installation: true },
  ],
  publisher: [
    { path: ["publisher", "apis"], label: texts.publisher.nav.apis, icon: "box" },
    { path: ["publisher", "plans"], label: texts.publisher.nav.plans, icon: "gauge" },
    { path: ["publisher", "requests"], label: texts.publisher.nav.requests, icon: "clock", waits: "subscriptions" },
    { path: ["publisher", "decisions"], label: texts.publisher.nav.decisions, icon: "eye" },
  ],
  developer: [
    { path: ["developer", "apis"], label: texts.developer.nav.catalog, icon: "book" },
    { path: ["developer", "applications"], label: texts.developer.nav.applications, icon: "app" },
  ],
};

/** The entries of an area that a session can open. */
export function entriesOf(area: Area, session: Session): Entry[] {
  return navigation[area].filter(
    (entry) =>
      (entry.installation !== true || session.tenant === "default") && (entry.administrators !== true || administers(session)),
  );
}
