import type { Noun } from "../api/objects";
import { opens, type Area } from "../session/areas";
import { useSession } from "../session/session";
import { addressOf, useTenant } from "./place";

// The area and the page below it that show one object of a noun.
const pages: Record<Noun, [area: Area, page: string]> = {
  "key-managers": ["admin", "key-managers"],
  connections: ["admin", "connections"],
  tenants: ["admin", "tenants"],
  users: ["admin", "users"],
  apis: ["publisher", "apis"],
  plans: ["publisher", "plans"],
  applications: ["developer", "applications"],
  subscriptions: ["developer", "subscriptions"],
  "oauth-clients": ["developer", "keys"],
};

/** The address of an object's page, for who may open it: useObjectAddress()("plans", "gold"). */
export function useObjectAddress(): (noun: Noun, name: string, where?: string) => string | undefined {
  const session = useSession();
  const tenant = useTenant();
  return (noun, name, where = tenant) => {
    const [area, page] = pages[noun];
    if (opens(session, area)) return addressOf(where, area, page, name);
    return noun === "apis" && opens(session, "developer") ? addressOf(where, "developer", "apis", name) : undefined;
  };
}
