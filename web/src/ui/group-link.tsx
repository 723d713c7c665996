import { Anchor, Group, Text } from "@mantine/core";
import { Link } from "react-router";

import { opens } from "../session/areas";
import { useSession } from "../session/session";
import { useAddress } from "../shell/place";

/** Groups of people beside each other, each the way to its page for who may open that. */
export function GroupLinks({ names, before = "" }: { names: string[]; before?: string }) {
  const to = useAddress();
  const may = opens(useSession(), "admin");
  return (
    <Group gap="xs" component="span" display="inline-flex">
      {names.map((name) => may ? <Anchor key={name} component={Link} to={to("admin", "groups", name)} size="sm">{before}{name}</Anchor> : <Text key={name} span size="sm">{before}{name}</Text>)}
    </Group>
  );
}
