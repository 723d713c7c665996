import type { Area } from "../session/areas";
import { texts } from "../texts";
import type { IconName } from "../ui/icon";

/** One entry of an area's menu. */
export interface Entry {
  path: string[];
  label: string;
  icon: IconName;
}

/** The menu of each area, in the order in which it is shown. */
export const navigation: Record<Area, Entry[]> = {
  admin: [
    { path: ["admin", "key-managers"], label: texts.admin.nav.keyManagers, icon: "shield" },
  ],
  publisher: [],
  developer: [
    { path: ["developer", "applications"], label: texts.developer.nav.applications, icon: "app" },
  ],
};
