import { List, Stack, Text } from "@mantine/core";

import type { Schemas } from "../api/client";
import { nounOf, type Noun } from "../api/objects";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { ObjectLink } from "./object-link";

const words = texts.impact;

/** How many of very many are named. */
const shown = 10;

/** Whether it is known that what has this impact would be refused; undefined while nobody knows. */
export function isRefused(impact: Schemas["Impact"] | undefined): boolean | undefined {
  return impact && (impact.refusedBy ?? []).length > 0;
}

/** What would follow, as the server counts it: calls, what nobody reaches any more, and who stands in the way. */
export function ImpactList({ impact }: { impact: Schemas["Impact"] | undefined }) {
  if (!impact) return <Text size="sm" c="dimmed" role="status">{words.looking}</Text>;
  return (
    <Stack gap="xs" role="status">
      {isRefused(impact) && (
        <Stack gap={4}>
          <Text size="sm" c="red" fw={600}>{texts.usedBy.refused}</Text>
          <RefList refs={impact.refusedBy ?? []} />
        </Stack>
      )}
      <Text size="sm" fw={600}>{words.calls(impact.calls)}</Text>
      {!isRefused(impact) && (impact.apis ?? []).length + (impact.applications ?? []).length === 0 && <Text size="sm">{words.none}</Text>}
      <Named lead={words.apis} noun="apis" names={impact.apis ?? []} />
      <Named lead={words.applications} noun="applications" names={impact.applications ?? []} count={impact.applicationCount} />
    </Stack>
  );
}

/** Objects of several kinds, each with the way to its page. */
export function RefList({ refs }: { refs: Schemas["Ref"][] }) {
  return (
    <List size="sm">
      {refs.slice(0, shown).map((ref) => {
        const noun = nounOf(ref.kind);
        return (
          <List.Item key={`${ref.kind} ${ref.tenant} ${ref.name}`}>
            {ref.kind} {noun ? <ObjectLink noun={noun} name={ref.name} tenant={ref.tenant} /> : ref.name}
          </List.Item>
        );
      })}
      {refs.length > shown && <List.Item>{words.more(refs.length - shown)}</List.Item>}
    </List>
  );
}

interface NamedProps {
  lead: (count: number) => string;
  noun: Noun;
  names: string[];
  /** How many there are, where the server names some of them. */
  count?: number;
}

// What is in another tenant is called TENANT/NAME.
function Named({ lead, noun, names, count = names.length }: NamedProps) {
  const here = useTenant();
  if (names.length === 0) return null;
  return (
    <Stack gap={4}>
      <Text size="sm">{lead(count)}</Text>
      <List size="sm">
        {names.slice(0, shown).map((name) => {
          const [tenant, own] = name.includes("/") ? name.split("/", 2) : [here, name];
          return <List.Item key={name}><ObjectLink noun={noun} name={own ?? name} tenant={tenant} shown={name} /></List.Item>;
        })}
        {count > shown && <List.Item>{words.more(count - Math.min(shown, names.length))}</List.Item>}
      </List>
    </Stack>
  );
}
