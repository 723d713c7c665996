import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import type { Schemas } from "../../api/client";
import { actOnConsoleClient, type ConsoleClientAct } from "../../api/key-managers";
import { forget, objectQuery } from "../../api/objects";
import { administers } from "../../session/areas";
import { useSession } from "../../session/session";
import { useName, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import type { Tone } from "../../theme";
import { StateBadge } from "../../ui/state-badge";
import { Confirm } from "../../ui/confirm";
import { Facts } from "../../ui/facts";
import { Section } from "../../ui/page";
import { ProblemAlert } from "../../ui/problem-alert";
import { Time } from "../../ui/time";

const words = texts.admin.signIn.client;

const tones: Record<string, Tone> = { active: "good", drifted: "warn", failed: "bad" };

/** The client that Keyward registered at the server for people who sign in: how it stands, and what can be done about it. */
export function ConsoleClient({ standing }: { standing: Schemas["Standing"] }) {
  const tenant = useTenant();
  const name = useName();
  const admin = administers(useSession());
  const [left, leave] = useState<string>(); // another client is to take the place of this one, which is in use until then
  const replaced = left !== undefined && left === standing.id;
  // What is under way, or tried again, changes by itself.
  useQuery({ ...objectQuery(tenant, "key-managers", name), refetchInterval: standing.state === "active" && !replaced ? false : 2_000 });
  return (
    <Section title={words.title}>
      <Stack>
        <Text size="sm" c="dimmed">{words.lead}</Text>
        {standing.reason && (
          <Alert color={standing.state === "failed" ? "red" : "yellow"} title={words.states[standing.state] ?? standing.state}>
            <Text size="sm" style={{ overflowWrap: "anywhere" }}>{standing.reason}</Text>
            {standing.advice && <Text size="sm" mt="xs" style={{ overflowWrap: "anywhere" }}>{standing.advice}</Text>}
          </Alert>
        )}
        <Facts
          rows={[
            [
              words.state,
              <StateBadge key="s" tone={tones[standing.state] ?? "busy"}>{words.states[standing.state] ?? standing.state}</StateBadge>,
            ],
            [words.id, standing.clientId],
            [words.name, standing.name],
            [words.callback, standing.callback],
            [words.method, standing.method],
            [words.made, standing.madeAt && <Time key="m" at={standing.madeAt} past />],
            [words.looked, standing.lookedAt && <Time key="l" at={standing.lookedAt} past />],
            [words.expires, standing.secretExpiresAt && <Time key="e" at={standing.secretExpiresAt} />],
            [words.next, standing.nextTry && <Time key="n" at={standing.nextTry} />],
          ]}
        />
        {replaced && <Text size="sm" role="status">{words.replacing}</Text>}
        {admin && standing.id && <Acts id={standing.id} standing={standing} leave={leave} />}
      </Stack>
    </Section>
  );
}

function Acts({ id, standing, leave }: { id: string; standing: Schemas["Standing"]; leave: (id: string) => void }) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const run = useMutation({
    mutationFn: (act: ConsoleClientAct) => actOnConsoleClient(tenant, id, act),
    onSettled: () => forget(queries, tenant, "key-managers"),
  });
  const [asked, { open, close }] = useDisclosure(false);
  const replaces = standing.rotates !== true;
  const used = standing.state === "active" || standing.state === "drifted";
  const button = (act: ConsoleClientAct, label: string) => (
    <Button key={act} size="xs" variant="light" loading={run.isPending && run.variables === act} onClick={() => { run.mutate(act); }}>
      {label}
    </Button>
  );
  return (
    <Stack gap="xs">
      {run.error && !asked && <ProblemAlert error={run.error} />}
      <Group>
        {button("retry", standing.state === "active" ? words.look : words.retry)}
        {used && !replaces && button("rotate", words.rotate)}
        {used && replaces && <Button size="xs" variant="light" onClick={open}>{words.replace}</Button>}
        {standing.state === "failed" && standing.orphan && button("dismiss", words.dismiss)}
      </Group>
      <Confirm
        opened={asked}
        close={close}
        title={words.replaceTitle}
        action={words.replace}
        run={() => {
          run.mutate("rotate", {
            onSuccess: () => {
              close();
              leave(id);
            },
          });
        }}
        pending={run.isPending}
        error={run.error}
      >
        <Text size="sm">{words.replaceLead}</Text>
      </Confirm>
    </Stack>
  );
}
