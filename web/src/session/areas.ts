import type { Noun } from "../api/objects";
import type { Session } from "./session";

/** The roles that a person may have, the mightiest first. */
export const roles = ["admin", "publisher", "developer", "auditor"];

/** The parts of the console. Roles decide which of them a person sees; the server decides what they may do. */
export type Area = "admin" | "publisher" | "developer";

/** The areas that the roles of a session open, the most used first. An auditor reads what administrators see. */
export function areasOf(session: Session): Area[] {
  const audits = (session.roles ?? []).includes("auditor");
  const areas: Area[] = [];
  if (administers(session) || audits) areas.push("admin");
  if (publishes(session) || audits) areas.push("publisher");
  if (develops(session)) areas.push("developer");
  return areas;
}

/** Whether the person may open an area's pages. An auditor reads those of developers too, by links. */
export function opens(session: Session, area: Area): boolean {
  return areasOf(session).includes(area) || (area === "developer" && areasOf(session).includes("admin"));
}

/** Whether the person may change what administrators change. */
export function administers(session: Session): boolean {
  return (session.roles ?? []).includes("admin");
}

/** Whether the person may change what publishers change. */
export function publishes(session: Session): boolean {
  return administers(session) || (session.roles ?? []).includes("publisher");
}

/** Whether the person may have applications with their keys and subscriptions. Whose they are, the server knows. */
export function develops(session: Session): boolean {
  return administers(session) || (session.roles ?? []).includes("developer");
}

/** Whether the person may send calls through the gateway to try an API out. An auditor only reads. */
export function triesOut(session: Session): boolean {
  return publishes(session) || develops(session);
}

/** Whether the person is told on how many gateways objects of a noun are in force: who sees gateways, or changes all of those objects. */
export function seesInForce(session: Session, noun: Noun): boolean {
  return seesGateways(session) || administers(session) || (publishes(session) && (noun === "apis" || noun === "plans"));
}

/** Whether the person sees the gateways: they serve every tenant, so only people of the tenant default do. */
export function seesGateways(session: Session): boolean {
  return session.tenant === "default" && areasOf(session).includes("admin");
}
