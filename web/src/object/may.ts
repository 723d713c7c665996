import type { Noun } from "../api/objects";
import { administers, develops, publishes } from "../session/areas";
import type { Session } from "../session/session";

/** Whether the person's roles let them write objects of the noun. Of applications the server knows whose they are. */
export function mayWrite(session: Session, noun: Noun): boolean {
  switch (noun) {
    case "apis":
    case "plans":
      return publishes(session);
    case "applications":
    case "subscriptions":
    case "oauth-clients":
      return develops(session);
    default:
      return administers(session);
  }
}
