import { Anchor, Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import type { Schemas } from "../api/client";
import { holdable, holdQuery } from "../api/holds";
import type { Noun } from "../api/objects";
import { useObjectAddress } from "../shell/object-pages";
import { useTenant } from "../shell/place";
import { HeldSign } from "./held-sign";

interface Props {
  noun: Noun;
  name: string;
  /** Where it is, if not in the tenant that the page is about. */
  tenant?: string | undefined;
  /** What people call it. */
  shown?: string | undefined;
  strong?: boolean;
}

/** An object wherever it is named: the way to its page for who may open that, and in red that it is held. */
export function ObjectLink({ noun, name, tenant, shown, strong = false }: Props) {
  const address = useObjectAddress()(noun, name, tenant);
  const hold = useHold(noun, name, tenant);
  const look = { size: "sm", ...(strong && { fw: 600 }), style: { overflowWrap: "anywhere" } } as const;
  return (
    <Group gap={6} component="span" display="inline-flex" wrap="nowrap">
      {address === undefined ? <Text span {...look}>{shown ?? name}</Text> : <Anchor component={Link} to={address} {...look}>{shown ?? name}</Anchor>}
      {hold && <HeldSign hold={hold} />}
    </Group>
  );
}

/** Several objects of a noun, beside each other. */
export function ObjectLinks({ noun, names, tenant }: { noun: Noun; names: string[]; tenant?: string }) {
  return (
    <Group gap="xs" component="span" display="inline-flex">
      {names.map((name) => <ObjectLink key={name} noun={noun} name={name} tenant={tenant} />)}
    </Group>
  );
}

function useHold(noun: Noun, name: string, tenant: string | undefined): Schemas["Hold"] | undefined {
  const here = useTenant();
  const held = useQuery({ ...holdQuery(tenant ?? here, holdable(noun) ? noun : "key-managers", name), enabled: holdable(noun) && name !== "" });
  return held.data ?? undefined;
}
