import { Alert, Button, Group, List, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { stringify } from "yaml";

import type { Schemas } from "../../api/client";
import { declared, objectName, type Nouns } from "../../api/objects";
import { apiUsages, dryRun, importOpenAPI, isServed, stateOf } from "../../api/publishing";
import type { Draft } from "../../object/draft";
import { asks } from "../../reference/operations";
import { useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { DiffBlock } from "../../ui/diff-block";
import { ProblemAlert } from "../../ui/problem-alert";
import { Findings } from "./findings";

const words = texts.publisher.preview;

type API = Nouns["apis"];
type Operation = Schemas["Operation"];

/** What saving would change, as the server sees it, before anything is: for gateways, for callers, and in the manifest. */
export function Preview({ draft, stored }: { draft: Draft<"apis">; stored: API | undefined }) {
  const tenant = useTenant();
  const run = useMutation({
    mutationFn: async (api: API) => {
      const [result] = await dryRun(tenant, [declared("apis", api)]);
      const [before, after] = await Promise.all([stored ? readOf(tenant, stored) : nothing, readOf(tenant, api)]);
      const usages = stored ? await apiUsages(tenant, objectName(stored)) : undefined;
      return { api, action: result?.action ?? "", operations: changesOf(before.operations ?? [], after.operations ?? []), findings: after.findings ?? [], callers: usages?.count ?? 0 };
    },
  });
  const result = useRef<HTMLDivElement>(null);
  useEffect(() => { if (run.data) result.current?.scrollIntoView({ block: "nearest" }); }, [run.data]); // it is the last thing on a long page
  const seen = run.data?.api === draft.object ? run.data : undefined; // what was typed since is not in it
  return (
    <Stack gap="xs">
      <Group>
        <Button variant="light" loading={run.isPending} onClick={() => { run.mutate(draft.object); }}>{words.run}</Button>
        <Text size="xs" c="dimmed">{words.lead}</Text>
      </Group>
      {run.error && <ProblemAlert error={run.error} />}
      {seen && (
        <Stack ref={result} gap="xs" role="status">
          <Text size="sm" fw={600}>{words.would(seen.action)} {served(stored, seen.api)}</Text>
          {seen.operations.length > 0 && seen.callers > 0 && stored && stateOf(stored) !== "draft" && (
            <Alert color="yellow" title={words.callers(seen.callers)}>{words.callersLead}</Alert>
          )}
          <Findings findings={seen.findings.filter((f) => f.weaker)} />
          <Operations changes={seen.operations} />
          {seen.action === "updated" && stored && (
            <DiffBlock label={words.manifest} before={stringify(shown(stored))} after={stringify(shown(seen.api))} />
          )}
        </Stack>
      )}
    </Stack>
  );
}

const onGateways = (api: API | undefined) => api !== undefined && isServed(api);

// Whether gateways would begin or end to serve it.
function served(stored: API | undefined, next: API): string {
  if (onGateways(next) && !onGateways(stored)) return words.begins;
  if (!onGateways(next) && onGateways(stored)) return words.ends;
  return onGateways(next) ? "" : words.nowhere;
}

// The manifest with its OpenAPI document as the text that it is, a line for a line.
function shown(api: API) {
  const manifest = declared("apis", api);
  const { openapi, ...spec } = api.spec;
  return openapi?.document ? { ...manifest, spec: { ...spec, openapi: openapi.document.split("\n") } } : manifest;
}

const nothing: Schemas["OpenAPIImported"] = { operations: [] };

async function readOf(tenant: string, api: API): Promise<Schemas["OpenAPIImported"]> {
  const document = api.spec.openapi?.document;
  return document ? importOpenAPI(tenant, { document }) : { operations: api.spec.operations ?? [] };
}

interface Change {
  place: string;
  before?: Operation;
  after?: Operation;
}

// The operations that come, go, or ask for something else.
function changesOf(before: Operation[], after: Operation[]): Change[] {
  const place = (o: Operation) => `${o.method} ${o.path}`;
  const asked = (o: Operation | undefined) => o && JSON.stringify([o.security, [...(o.scopes ?? [])].sort(), [...(o.allOf ?? [])].sort()]);
  return [...new Set([...before, ...after].map(place))].flatMap((at) => {
    const [old, now] = [before.find((o) => place(o) === at), after.find((o) => place(o) === at)];
    return asked(old) === asked(now) ? [] : [{ place: at, ...(old && { before: old }), ...(now && { after: now }) }];
  });
}

function Operations({ changes }: { changes: Change[] }) {
  if (changes.length === 0) return <Text size="sm" c="dimmed">{words.noOperation}</Text>;
  return (
    <List size="sm" aria-label={words.operations}>
      {changes.map(({ place, before, after }) => (
        <List.Item key={place}>
          <Text span size="sm" fw={600} c={after ? (before ? "yellow" : "pine") : "red"}>{after ? (before ? words.changed : words.added) : words.removed}</Text>{" "}
          <Text span ff="monospace" size="sm">{place}</Text>{" "}
          {before && <Text span size="sm" td={after ? "line-through" : undefined} c="dimmed">{asks(before)}</Text>} {after && <Text span size="sm">{asks(after)}</Text>}
        </List.Item>
      ))}
    </List>
  );
}
