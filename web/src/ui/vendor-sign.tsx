import { Avatar } from "@mantine/core";

import { Icon, type IconName } from "./icon";

// Whose product a key manager is, in a letter or two: no page shows somebody's trade mark.
const letters: Record<string, string> = {
  keycloak: "Kc",
  okta: "Ok",
  auth0: "A0",
  entra: "En",
  ping: "Pi",
  forgerock: "Fr",
  wso2is: "W2",
};

const icons: Record<string, IconName> = { resident: "key", external: "link" };

/** A small sign for the type of a key manager. The name beside it says it in words. */
export function VendorSign({ type, size = 26 }: { type: string; size?: number }) {
  return (
    <Avatar size={size} radius="sm" color="pine" variant="light" aria-hidden="true">
      {letters[type] ?? <Icon name={icons[type] ?? "shield"} size={Math.round(size * 0.6)} />}
    </Avatar>
  );
}
