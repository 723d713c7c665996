import { useSearchParams } from "react-router";

import { useAddress } from "../../shell/place";

/** The parts of an application's page. */
export const tabs = ["keys", "subscriptions", "calls", "settings"] as const;

/** Which key is shown. */
const choice = ["key-manager", "environment"];

/** The address of a part of an application's page. The key that was chosen stays in it, and is shown to who comes back to the keys. */
export function useTabAddress(application: string): (tab: (typeof tabs)[number]) => string {
  const to = useAddress();
  const [params] = useSearchParams();
  const chosen = new URLSearchParams([...params].filter(([name]) => choice.includes(name))).toString();
  return (tab) => to("developer", "applications", application, ...(tab === "keys" ? [] : [tab])) + (chosen && `?${chosen}`);
}
