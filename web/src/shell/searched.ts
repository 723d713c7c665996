import type { Noun } from "../api/objects";
import type { Area } from "../session/areas";
import { texts } from "../texts";
import type { IconName } from "../ui/icon";

/** A noun that search looks through, and the page that shows one of it. */
export interface Searched {
  noun: Noun;
  area: Area;
  path: string[];
  label: string;
  icon: IconName;
}

const all: Searched[] = [
  {
    noun: "key-managers",
    area: "admin",
    path: ["admin", "key-managers"],
    label: texts.admin.nav.keyManagers,
    icon: "shield",
  },
  { noun: "apis", area: "publisher", path: ["publisher", "apis"], label: texts.publisher.nav.apis, icon: "box" },
  { noun: "apis", area: "developer", path: ["developer", "apis"], label: texts.developer.nav.catalog, icon: "book" },
  {
    noun: "applications",
    area: "developer",
    path: ["developer", "applications"],
    label: texts.developer.nav.applications,
    icon: "app",
  },
];

/** What somebody with these areas searches; each noun once, in the first of their areas that has it. */
export function searched(areas: Area[]): Searched[] {
  const seen = new Set<Noun>();
  return all.filter((s) => {
    if (!areas.includes(s.area) || seen.has(s.noun)) return false;
    seen.add(s.noun);
    return true;
  });
}
