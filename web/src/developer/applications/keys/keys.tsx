import { Group, SegmentedControl, Stack, Tabs, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useSearchParams } from "react-router";

import type { Schemas } from "../../../api/client";
import { keyOptionsQuery, keysQuery } from "../../../api/keys";
import { forgetObject } from "../../../api/objects";
import { useTenant } from "../../../shell/place";
import { texts } from "../../../texts";
import { Empty } from "../../../ui/empty";
import { HeldSign } from "../../../ui/held-sign";
import { HeldBanner } from "../../../ui/hold";
import { ProblemAlert } from "../../../ui/problem-alert";
import { KeyCard } from "./card";
import { LostClients } from "./lost-clients";
import { NewKey } from "./new";
import { OtherManager } from "./other-manager";
import { keyIn, stateName, stateTone } from "./state";
import { tabCount, useTabs, type KeyTabs, type Manager } from "./use-key-tabs";

const words = texts.developer.keys;

type Option = Schemas["Option"];

interface Props {
  application: string;
  tabs: KeyTabs;
}

/** The application's keys: a tab for each key manager, and a switch between production and sandbox. */
export function Keys({ application, tabs }: Props) {
  const tenant = useTenant();
  const [params, setParams] = useSearchParams();
  const environment = params.get("environment") ?? "production";
  const options = useQuery(keyOptionsQuery(tenant, application, { environment, limit: String(tabCount) }));
  const keys = useQuery(keysQuery(tenant, application));
  const [fresh, setFresh] = useState<string>(); // the place of a key whose secret is shown: it stays until it was copied
  const first = options.data?.options ?? [];
  // A key is made at once where Keyward creates clients; one that has to exist already is the harder way in.
  const easiest = (first.find((o) => o.generate) ?? first.find((o) => o.map) ?? first[0])?.keyManager;
  // Nobody is led elsewhere because a key came or went.
  const chosen = params.get("key-manager") ?? tabs.chosen ?? keys.data?.keys[0]?.keyManager ?? easiest;
  const further = useQuery({
    ...keyOptionsQuery(tenant, application, { keyManager: chosen ?? "", limit: "2" }),
    enabled: options.data !== undefined && chosen !== undefined && !first.some((o) => o.keyManager === chosen),
  });
  const own = useQuery({ ...keysQuery(tenant, application, { keyManager: chosen ?? "" }), enabled: keys.data?.more === true && chosen !== undefined });
  const error = options.error ?? keys.error ?? further.error ?? own.error;
  // What is on the page already stays there, with what is typed in it, whatever becomes of asking for it anew.
  const waiting = !options.data || !keys.data || further.isLoading || own.isLoading;
  const all = [...(keys.data?.keys ?? []).filter((k) => !own.data || k.keyManager !== chosen), ...(own.data?.keys ?? [])];
  const known = [...first, ...(further.data?.options ?? [])];
  const choose = (name: string, value: string) => {
    setParams((old) => {
      const next = new URLSearchParams(old);
      next.set(name, value);
      return next;
    }, { replace: true });
  };
  const { key, lost } = keyIn(all.filter((k) => k.keyManager === chosen && k.environment === environment));
  const option = known.find((o) => o.keyManager === chosen && o.environment === environment);
  const hold = option?.hold;
  const place = `${chosen ?? ""} ${environment}`;
  const showing = fresh === place;
  const differ = !waiting && !showing && !key && option?.state !== undefined;
  useAgreement(application, differ);
  const managers = useTabs(tabs, waiting || chosen === undefined ? undefined : managersOf(known, all), chosen ?? "");
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
      {waiting && error && <ProblemAlert error={error} />}
      {waiting ? null : chosen === undefined ? (
        <Empty icon="shield" title={words.noManagerTitle}>{words.noManager}</Empty>
      ) : (
        <Tabs value={chosen} onChange={(tab) => { if (tab) choose("key-manager", tab); }} variant="outline" keepMounted={false}>
          <Group align="flex-end" gap="sm">
            <KeyManagers
              managers={managers}
              keys={all.filter((k) => k.environment === environment)}
            />
            {options.data.more && <OtherManager application={application} environment={environment} choose={(name) => { choose("key-manager", name); }} />}
          </Group>
          <Tabs.Panel value={chosen} pt="md">
            <HeldBanner hold={hold} noun="key-managers" name={chosen} what={option?.displayName ?? chosen} />
            {/* What makes a key stays where it is while its secret is shown. */}
            <Stack>
              {key && !showing && <KeyCard key={place} application={application} listed={key} takenBy={option?.apis ?? []} awaiting={option?.awaiting ?? []} held={hold !== undefined || key.status.hold !== undefined} />}
              {lost.length > 0 && !showing && <LostClients application={application} lost={lost} place={{ keyManager: chosen, environment }} />}
              {option && !differ && (!key || showing || key.status.state === "revoked") && (
                <NewKey key={place} application={application} option={option} showing={(shown) => { setFresh(shown ? place : undefined); }} />
              )}
              {!option && !key && <Empty icon="key" title={words.notHereTitle}>{words.notHere(environment)}</Empty>}
            </Stack>
          </Tabs.Panel>
        </Tabs>
      )}
    </Stack>
  );
}

// The two lists are asked one after the other: where one has a key that the other has no more, or not yet, both are asked anew.
function useAgreement(application: string, differ: boolean): void {
  const tenant = useTenant();
  const queries = useQueryClient();
  useEffect(() => {
    if (differ) void forgetObject(queries, tenant, "applications", application);
  }, [differ, queries, tenant, application]);
}

// Beside a key manager's name: that it or the key in it is held, or else how the key is.
function KeySign({ hold, status }: { hold: Schemas["Hold"] | undefined; status: Schemas["ListedKeys"]["status"] | undefined }) {
  if (hold) return <HeldSign hold={hold} />;
  if (status === undefined) return null;
  const name = stateName(status);
  return <Text span size="xs" c={stateTone(status.state)} role="img" aria-label={name} title={name}>●</Text>;
}

// The key managers that are known, each once, those first where the application has keys.
function managersOf(options: Option[], keys: Schemas["ListedKeys"][]): Manager[] {
  const labels = new Map([...keys, ...options].map((o) => [o.keyManager, o.keyManager]));
  for (const o of options) labels.set(o.keyManager, o.displayName ?? o.keyManager);
  return [...labels].map(([name, label]) => ({ name, label, hold: options.find((o) => o.keyManager === name)?.hold }));
}

interface ManagersProps {
  managers: Manager[];
  keys: Schemas["ListedKeys"][];
}

// The tabs.
function KeyManagers({ managers, keys }: ManagersProps) {
  return (
    <Tabs.List flex={1} aria-label={words.managers}>
      {managers.map(({ name, label, hold }) => {
        const own = keyIn(keys.filter((k) => k.keyManager === name)).key;
        return (
          <Tabs.Tab key={name} value={name} rightSection={<KeySign hold={hold ?? own?.status.hold} status={own?.status} />}>
            {label}
          </Tabs.Tab>
        );
      })}
    </Tabs.List>
  );
}
