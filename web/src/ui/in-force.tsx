import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { inForceQuery } from "../api/gateways";
import type { Noun } from "../api/objects";
import { seesInForce } from "../session/areas";
import { useSession } from "../session/session";
import { useTenant } from "../shell/place";
import { texts } from "../texts";

const words = texts.reached;

/** On how many gateways an object is in force as it is now, for who is told of that. */
export function InForce({ noun, name }: { noun: Noun; name: string }) {
  const tenant = useTenant();
  const sees = seesInForce(useSession(), noun);
  const { data: changes } = useQuery({ ...inForceQuery(tenant, noun, name), enabled: sees });
  if (!sees) return null;
  if (!changes) return <Text span size="sm" aria-hidden style={{ visibility: "hidden" }}>{words.every(1)}</Text>; // nothing moves when it comes
  const [there, all] = [sum(changes.map((c) => c.there)), sum(changes.map((c) => c.of))];
  const lacking = changes.flatMap((c) => c.lacking ?? []);
  return (
    <Text span size="sm" c={there < all ? "yellow" : "dimmed"}>
      {all === 0 ? words.nowhere : there === all ? words.every(all) : words.lackedBy(there, all, lacking, all - there - lacking.length)}
    </Text>
  );
}

const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
