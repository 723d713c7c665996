import { useLocation, useParams } from "react-router";

import type { Area } from "../session/areas";

/** The tenant that the address names. */
export function useTenant(): string {
  return useParams().tenant ?? "default";
}

/** The area that the address is in; what all areas share is told by it where it is. */
export function useArea(): Area {
  const [, , area] = useLocation().pathname.split("/");
  return area === "admin" || area === "publisher" ? area : "developer";
}

/** The name of the object that the address is about. */
export function useName(): string {
  const { name } = useParams();
  if (name === undefined) throw new Error("this page's address names no object");
  return name;
}

/** The address of a page of the tenant, for links: useAddress()("admin", "key-managers", name). */
export function useAddress(): (...parts: string[]) => string {
  const tenant = useTenant();
  return (...parts) => addressOf(tenant, ...parts);
}

/** The address of a tenant's page. Each part is one segment, whatever is in it. */
export function addressOf(tenant: string, ...parts: string[]): string {
  return "/" + [tenant, ...parts].map(encodeURIComponent).join("/");
}
