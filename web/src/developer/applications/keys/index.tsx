import { Group, SegmentedControl, Stack, Tabs, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useSearchParams } from "react-router";

import type { Schemas } from "../../../api/client";
import { keysQuery } from "../../../api/keys";
import { allQuery } from "../../../api/objects";
import { useTenant } from "../../../shell/place";
import { texts } from "../../../texts";
import { Empty } from "../../../ui/empty";
import { HeldSign } from "../../../ui/held-sign";
import { HeldBanner } from "../../../ui/hold";
import { ProblemAlert } from "../../../ui/problem";
import { KeyCard } from "./card";
import { NewKey } from "./new";
import { stateTone } from "./state";

const words = texts.developer.keys;

/** The application's keys: a tab for each key manager, and a switch between production and sandbox. */
export function Keys({ application }: { application: string }) {
  const tenant = useTenant();
  const [params, setParams] = useSearchParams();
  const managers = useQuery(allQuery(tenant, "key-managers"));
  const keys = useQuery(keysQuery(tenant, application));
  const [fresh, setFresh] = useState<string>(); // the place of a key whose secret is shown: it stays until it was copied
  const error = managers.error ?? keys.error;
  if (!managers.data || !keys.data) return error ? <ProblemAlert error={error} /> : null;
  const usable = managers.data.filter((m) => m.spec.enabled !== false);
  // A key is made at once where Keyward creates clients; one that has to exist already is the harder way in.
  const first = (usable.find((m) => m.spec.clients?.create !== false) ?? usable[0])?.metadata?.name;
  if (first === undefined) return <Empty icon="shield" title={words.noManagerTitle}>{words.noManager}</Empty>;
  const chosen = params.get("key-manager") ?? keys.data[0]?.keyManager ?? first;
  const environment = params.get("environment") ?? "production";
  const choose = (name: string, value: string) => {
    setParams((old) => {
      const next = new URLSearchParams(old);
      next.set(name, value);
      return next;
    }, { replace: true });
  };
  const manager = usable.find((m) => m.metadata?.name === chosen);
  const key = keys.data.find((k) => k.keyManager === chosen && k.environment === environment);
  return (
    <Stack>
      <Group justify="space-between">
        <Text size="sm" c="dimmed" maw={640}>{words.lead}</Text>
        <SegmentedControl
          aria-label={words.environment}
          data={[{ value: "production", label: words.production }, { value: "sandbox", label: words.sandbox }]}
          value={environment}
          onChange={(value) => { choose("environment", value); }}
        />
      </Group>
      <Tabs value={chosen} onChange={(tab) => { if (tab) choose("key-manager", tab); }} variant="outline" keepMounted={false}>
        <Tabs.List>
          {usable.map((m) => {
            const name = m.metadata?.name ?? "";
            const own = keys.data.find((k) => k.keyManager === name && k.environment === environment);
            return (
              <Tabs.Tab key={name} value={name} rightSection={<KeySign hold={m.status?.hold ?? own?.status.hold} state={own?.status.state} />}>
                {m.spec.displayName ?? name}
              </Tabs.Tab>
            );
          })}
        </Tabs.List>
        <Tabs.Panel value={chosen} pt="md">
          <HeldBanner hold={manager?.status?.hold} noun="key-managers" name={chosen} what={manager?.spec.displayName ?? chosen} />
          {key && fresh !== chosen + environment ? (
            <KeyCard key={key.name} application={application} listed={key} />
          ) : manager && (manager.spec.environments ?? [environment]).includes(environment) ? (
            <NewKey
              key={chosen + environment}
              application={application}
              manager={manager}
              environment={environment}
              showing={(shown) => { setFresh(shown ? chosen + environment : undefined); }}
            />
          ) : (
            <Empty icon="key" title={words.notHereTitle}>{words.notHere(environment)}</Empty>
          )}
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}

// Beside a key manager's name: that it or the key in it is held, or else how the key is.
function KeySign({ hold, state }: { hold: Schemas["Hold"] | undefined; state: string | undefined }) {
  if (hold) return <HeldSign hold={hold} />;
  return state === undefined ? null : <Text span size="xs" c={stateTone(state)}>●</Text>;
}
