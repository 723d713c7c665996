import type { Noun } from "../api/objects";
import { opens, type Area } from "../session/areas";
import { useSession, type Session } from "../session/session";
import { texts } from "../texts";
import type { IconName } from "../ui/icon";
import { addressOf, useTenant } from "./place";

/** The page that shows an object of a noun, in one area. */
interface ObjectPage {
  area: Area;
  /** The part of its address between the area and the object's name. */
  page: string;
  label: string;
  icon: IconName;
}

const { admin, publisher, developer } = texts;

// Of a noun that two areas show, first the one where it is changed.
const pages: Record<Noun, ObjectPage[]> = {
  "key-managers": [{ area: "admin", page: "key-managers", label: admin.nav.keyManagers, icon: "shield" }],
  connections: [{ area: "admin", page: "connections", label: admin.nav.connections, icon: "plug" }],
  tenants: [{ area: "admin", page: "tenants", label: admin.nav.tenants, icon: "box" }],
  users: [{ area: "admin", page: "users", label: admin.nav.users, icon: "users" }],
  apis: [
    { area: "publisher", page: "apis", label: publisher.nav.apis, icon: "box" },
    { area: "developer", page: "apis", label: developer.nav.catalog, icon: "book" },
  ],
  plans: [{ area: "publisher", page: "plans", label: publisher.nav.plans, icon: "gauge" }],
  applications: [{ area: "developer", page: "applications", label: developer.nav.applications, icon: "app" }],
  subscriptions: [{ area: "developer", page: "subscriptions", label: developer.nav.applications, icon: "link" }],
  "oauth-clients": [{ area: "developer", page: "keys", label: developer.nav.applications, icon: "key" }],
};

/** Where a session sees an object of the noun; undefined where it opens no page of one. */
export function objectPage(session: Session, noun: Noun): ObjectPage | undefined {
  return pages[noun].find(({ area }) => opens(session, area) && (noun !== "tenants" || session.tenant === "default"));
}

/** The address of an object's page, for who may open it: useObjectAddress()("plans", "gold"). */
export function useObjectAddress(): (noun: Noun, name: string, where?: string) => string | undefined {
  const session = useSession();
  const tenant = useTenant();
  return (noun, name, where = tenant) => {
    const found = objectPage(session, noun);
    return found && addressOf(where, found.area, found.page, name);
  };
}
