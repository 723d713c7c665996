import { Anchor, Button, Group, Paper, Stack, TagsInput, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import type { Schemas } from "../../../api/client";
import { token, type KeyPlace } from "../../../api/keys";
import { objectQuery } from "../../../api/objects";
import { useTyped } from "../../../session/typed";
import { useAddress, useTenant } from "../../../shell/place";
import { texts } from "../../../texts";
import { inConsole } from "../../../texts/said";
import { StateBadge } from "../../../ui/state-badge";
import { CodeBlock } from "../../../ui/code-block";
import { Copy } from "../../../ui/copy";
import { Facts } from "../../../ui/facts";
import { HeldBanner } from "../../../ui/hold";
import { Section } from "../../../ui/page";
import { ProblemAlert } from "../../../ui/problem-alert";
import { Time } from "../../../ui/time";
import { EndKey } from "./end-key";
import { Progress } from "./progress";
import { Rotate } from "./rotate";
import { stateName, toneOf } from "./state";
import { Usage } from "./usage";

const words = texts.developer.keys;

interface Props {
  application: string;
  listed: Schemas["ListedKeys"];
  /** The APIs of the application that take its tokens. */
  takenBy: string[];
  /** Of these, those whose subscription awaits an approval. */
  awaiting: string[];
  /** Somebody holds the key, or its key manager: nothing can be done with it but end it. */
  held: boolean;
}

/** One key: its state and reason, what it may do, when it was last used, and what can be done with it. */
export function KeyCard({ application, listed, takenBy, awaiting, held }: Props) {
  const place: KeyPlace = { keyManager: listed.keyManager, environment: listed.environment };
  const { status } = listed;
  const live = ["active", "drifted", "rotating", "updating"].includes(status.state);
  const made = endable(status.state);
  return (
    <Stack>
      <HeldBanner hold={status.hold} noun="oauth-clients" name={listed.name} />
      <Paper withBorder p="md">
        <Stack>
          <Group justify="space-between">
            <Group gap="xs">
              <StateBadge tone={toneOf(status.state)}>{stateName(status)}</StateBadge>
              <Text size="sm" c="dimmed">{whence(listed)}</Text>
              {status.set !== undefined && <Text size="sm" c="dimmed">{texts.developer.subscriptions.ofSet(status.set)}</Text>}
            </Group>
            <Group gap="xs">
              {live && !held && listed.rotates && <Rotate application={application} place={place} listed={listed} />}
              {status.set === undefined && made && status.state !== "deleting" && <EndKey application={application} listed={listed} place={place} />}
            </Group>
          </Group>
          <Progress application={application} listed={listed} place={place} held={held} />
          <Facts
            rows={[
              [words.clientId, listed.clientId && (
                <Group gap={4}><Text ff="monospace" size="sm">{listed.clientId}</Text><Copy value={listed.clientId} label={words.copyClientId} /></Group>
              )],
              [words.tokenEndpoint, listed.tokenEndpoint && (
                <Group gap={4}><Text size="sm">{listed.tokenEndpoint}</Text><Copy value={listed.tokenEndpoint} label={words.copyEndpoint} /></Group>
              )],
              [words.grants, (status.grants ?? []).join(", ")],
              [words.callbacks, (status.callbacks ?? []).join(", ")],
              [words.opensFact, live && <Opened key="a" application={application} listed={listed} apis={takenBy} awaiting={awaiting} />],
              [words.scopes, [...new Set([...(status.scopes ?? []), ...(status.entitlement?.scopes ?? [])])].join(" ")],
              [words.created, made && <Time key="c" at={listed.createdAt} past />],
              [words.lastUsed, made && <Time key="u" at={listed.lastUsedAt} past />],
              [words.secretUsed, listed.secretLastUsedAt && <Time key="s" at={listed.secretLastUsedAt} past />],
              [words.oldSecret, live && status.oldSecretUntil && <Time key="o" at={status.oldSecretUntil} />],
              [words.oldSecretUsed, live && status.oldSecretUntil && <OldSecretUse key="b" listed={listed} />],
              [words.rotation, live && !listed.rotates && status.mode === "generated" && inConsole(listed.rotationObstacle ?? "")],
              [words.expires, live && status.secretExpiresAt && <Time key="e" at={status.secretExpiresAt} />],
            ]}
          />
        </Stack>
      </Paper>
      {live && !held && <Try application={application} place={place} listed={listed} />}
    </Stack>
  );
}

// The APIs that take its tokens, each with the way to call it as this application.
function Opened({ application, listed, apis, awaiting }: { application: string; listed: Schemas["ListedKeys"]; apis: string[]; awaiting: string[] }) {
  const to = useAddress();
  if (apis.length === 0) return <>{words.opensNothing(listed.environment)}</>;
  const as = new URLSearchParams({ application, "key-manager": listed.keyManager, environment: listed.environment });
  return (
    <Group gap="md">
      {apis.map((api) => awaiting.includes(api) ? <span key={api}>{words.awaits(api)}</span> : (
        <Group key={api} gap={6}>
          {api} <Anchor component={Link} inherit to={`${to("developer", "apis", api)}?${as.toString()}`} aria-label={words.tryAPI(api)}>{words.tryIt}</Anchor>
        </Group>
      ))}
    </Group>
  );
}

// What was not made yet is given up or dismissed instead, which its state offers.
const endable = (state: string) => !["failed", "awaiting", "pending"].includes(state);

function whence({ status }: Schemas["ListedKeys"]): string {
  if (status.mode === "mapped") return words.mapped;
  return endable(status.state) ? words.generated : words.toGenerate;
}

// Who rotates wants to know whether the old secret is still somewhere in use, where its server tells.
function OldSecretUse({ listed }: { listed: Schemas["ListedKeys"] }) {
  const { secretLastUsedAt: now, oldSecretLastUsedAt: old } = listed;
  if (!old) return <>{now ? words.oldUnused : words.neverUsed}</>;
  return (
    <>
      <Time at={old} past /> {now && new Date(now) > new Date(old) ? words.newerInUse : words.olderInUse}
    </>
  );
}

function Try({ application, place, listed }: { application: string; place: KeyPlace; listed: Schemas["ListedKeys"] }) {
  const tenant = useTenant();
  const manager = useQuery(objectQuery(tenant, "key-managers", place.keyManager));
  const [scopes, setScopes] = useTyped<string[]>(`ask ${place.keyManager} ${place.environment}`, []);
  const run = useMutation({ mutationFn: () => token(tenant, application, { ...place, ...(scopes.length > 0 && { scopes }) }) });
  const { mode } = listed.status;
  const [grants, callbacks] = [listed.status.grants ?? [], listed.status.callbacks ?? []];
  const mapped = mode === "mapped";
  const secretless = listed.authentication === "none";
  return (
    <Section title={words.use}>
      <Text size="sm" c="dimmed">{words.useLead(manager.data?.object.spec.displayName ?? place.keyManager, secretless || mapped)}</Text>
      <TagsInput
        label={words.ask}
        description={words.askHelp}
        value={scopes}
        onChange={setScopes}
        maw={520}
      />
      <Usage client={listed} grants={mapped ? undefined : grants} callbacks={callbacks} scopes={scopes} mapped={mapped} />
      {!mapped && !secretless && grants.includes("client_credentials") && (
        <Stack gap="xs">
          <Group>
            <Button variant="light" loading={run.isPending} onClick={() => { run.mutate(); }}>{words.getToken}</Button>
            <Text size="xs" c="dimmed">{words.getTokenHelp}</Text>
          </Group>
          {run.error && <ProblemAlert error={run.error} />}
          {run.data && <CodeBlock label={words.token(run.data.expires_in)}>{run.data.access_token}</CodeBlock>}
        </Stack>
      )}
    </Section>
  );
}
