import { Code, Group } from "@mantine/core";

import type { Schemas } from "../api/client";
import { useSession } from "../session/session";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { Copy } from "./copy";

/** Where callers find an API: its path, at the gateway's address where that is known. */
export function APIAddress({ api }: { api: Schemas["API"] }) {
  const tenant = useTenant();
  const { gateway = "" } = useSession();
  const address = `${gateway.replace(/\/$/, "")}${tenant === "default" ? "" : `/t/${tenant}`}${api.spec.context}/${api.spec.version}`;
  return (
    <Group gap={4} wrap="nowrap" align="flex-start">
      <Code style={{ overflowWrap: "anywhere" }}>{address}</Code>
      <Copy value={address} label={texts.copy.address} />
    </Group>
  );
}
