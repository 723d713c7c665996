import { useSuspenseQuery } from "@tanstack/react-query";
import { Navigate } from "react-router";

import { objectQuery } from "../api/objects";
import { useAddress, useName, useTenant } from "../shell/place";

/** A subscription by its name alone leads to its application, whose page shows it. */
export function SubscriptionRedirect() {
  const to = useAddress();
  const { spec } = useSuspenseQuery(objectQuery(useTenant(), "subscriptions", useName())).data.object;
  return <Navigate to={to("developer", "applications", spec.application, "subscriptions")} replace />;
}

/** The same of an OAuth client, which is an application's key. */
export function KeyRedirect() {
  const to = useAddress();
  const { spec } = useSuspenseQuery(objectQuery(useTenant(), "oauth-clients", useName())).data.object;
  const place = new URLSearchParams({ "key-manager": spec.keyManager, environment: spec.environment ?? "production" });
  return <Navigate to={`${to("developer", "applications", spec.application, "keys")}?${place.toString()}`} replace />;
}
