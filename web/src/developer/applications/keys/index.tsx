import { Group, SegmentedControl, Select, Stack, Tabs, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useSearchParams } from "react-router";

import type { Schemas } from "../../../api/client";
import { heldQuery, type Held } from "../../../api/holds";
import { keyOptionsQuery, keysQuery } from "../../../api/keys";
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

type Option = Schemas["Option"];

/** As many key managers have a tab; the others are chosen from a list. */
const tabs = 6;

/** The application's keys: a tab for each key manager, and a switch between production and sandbox. */
export function Keys({ application }: { application: string }) {
  const tenant = useTenant();
  const [params, setParams] = useSearchParams();
  const options = useQuery(keyOptionsQuery(tenant, application));
  const keys = useQuery(keysQuery(tenant, application));
  const holds = useQuery(heldQuery(tenant, "key-managers")).data ?? [];
  const [fresh, setFresh] = useState<string>(); // the place of a key whose secret is shown: it stays until it was copied
  const error = options.error ?? keys.error;
  if (!options.data || !keys.data) return error ? <ProblemAlert error={error} /> : null;
  const managers = managersOf(options.data, keys.data);
  const environment = params.get("environment") ?? "production";
  const here = options.data.filter((o) => o.environment === environment);
  // A key is made at once where Keyward creates clients; one that has to exist already is the harder way in.
  const first = (here.find((o) => o.generate) ?? here.find((o) => o.map) ?? options.data[0])?.keyManager;
  const chosen = params.get("key-manager") ?? keys.data[0]?.keyManager ?? first;
  if (chosen === undefined) return <Empty icon="shield" title={words.noManagerTitle}>{words.noManager}</Empty>;
  const choose = (name: string, value: string) => {
    setParams((old) => {
      const next = new URLSearchParams(old);
      next.set(name, value);
      return next;
    }, { replace: true });
  };
  const key = keys.data.find((k) => k.keyManager === chosen && k.environment === environment);
  const option = here.find((o) => o.keyManager === chosen);
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
        <KeyManagers
          managers={managers}
          keys={keys.data.filter((k) => k.environment === environment)}
          holds={holds}
          chosen={chosen}
          choose={(name) => { choose("key-manager", name); }}
        />
        <Tabs.Panel value={chosen} pt="md">
          <HeldBanner hold={holds.find((h) => h.name === chosen)?.hold} noun="key-managers" name={chosen} what={option?.displayName ?? chosen} />
          {key && fresh !== chosen + environment ? (
            <KeyCard key={key.name} application={application} listed={key} takenBy={option?.apis ?? []} held={holds.some((h) => h.name === chosen) || key.status.hold !== undefined} />
          ) : option ? (
            <NewKey
              key={chosen + environment}
              application={application}
              option={option}
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
  return state === undefined ? null : <Text span size="xs" c={stateTone(state)} aria-hidden>●</Text>;
}

interface Manager {
  name: string;
  label: string;
}

// Each key manager once, those first where the application has keys.
function managersOf(options: Option[], keys: Schemas["ListedKeys"][]): Manager[] {
  const labels = new Map([...keys, ...options].map((o) => [o.keyManager, o.keyManager]));
  for (const o of options) labels.set(o.keyManager, o.displayName ?? o.keyManager);
  return [...labels].map(([name, label]) => ({ name, label }));
}

interface ManagersProps {
  managers: Manager[];
  keys: Schemas["ListedKeys"][];
  holds: Held[];
  chosen: string;
  choose: (name: string) => void;
}

// The tabs; of many key managers only the first ones have one, and the chosen one.
function KeyManagers({ managers, keys, holds, chosen, choose }: ManagersProps) {
  const shown = managers.filter((m, i) => i < tabs || m.name === chosen);
  return (
    <Group align="flex-end" gap="sm">
      <Tabs.List flex={1}>
        {shown.map(({ name, label }) => {
          const own = keys.find((k) => k.keyManager === name);
          const hold = holds.find((h) => h.name === name)?.hold ?? own?.status.hold;
          return (
            <Tabs.Tab key={name} value={name} rightSection={<KeySign hold={hold} state={own?.status.state} />}>
              {label}
            </Tabs.Tab>
          );
        })}
      </Tabs.List>
      {shown.length < managers.length && (
        <Select
          aria-label={words.otherManager}
          placeholder={words.otherManager}
          data={managers.filter((m) => !shown.includes(m)).map((m) => ({ value: m.name, label: m.label }))}
          value={null}
          onChange={(name) => { if (name) choose(name); }}
          searchable
          limit={50}
          w={220}
        />
      )}
    </Group>
  );
}
