import { PasswordInput, SegmentedControl, Select, SimpleGrid, Stack, TagsInput, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import type { Schemas } from "../api/client";
import { keysQuery } from "../api/keys";
import { takenBy } from "../publisher/apis/list";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { ApplicationSelect } from "../ui/application-select";

const words = texts.reference.tryout;

type Credential = Pick<Schemas["TryBody"], "application" | "keyManager" | "environment" | "scopes" | "clientSecret" | "token">;

/** As whom a call is made. Without a credential it cannot be sent yet, unless nobody's is wanted. */
export interface Caller {
  as: "application" | "token" | "nobody";
  credential?: Credential;
}

interface Props {
  api: Schemas["API"];
  caller: Caller;
  change: (caller: Caller) => void;
}

/** Chooses whose token a call carries. */
export function CallerFields({ api, caller, change }: Props) {
  if (caller.as === "application") return <AsApplication api={api} caller={caller} change={change} />;
  if (caller.as === "nobody") return null;
  return (
    <PasswordInput
      label={words.value}
      description={words.valueHelp}
      required
      value={caller.credential?.token ?? ""}
      onChange={(event) => {
        const token = event.currentTarget.value.trim();
        change(token ? { as: "token", credential: { token } } : { as: "token" });
      }}
      autoComplete="off"
      spellCheck={false}
    />
  );
}

const live = (k: Schemas["ListedKeys"]) => ["active", "drifted"].includes(k.status.state);

// The application's keys at key managers that the API takes, in one environment.
function AsApplication({ api, caller, change }: Props) {
  const tenant = useTenant();
  const [application, setApplication] = useState<string | null>(null);
  const [environment, setEnvironment] = useState("production");
  const keys = useQuery({ ...keysQuery(tenant, application ?? ""), enabled: application !== null });
  const taken = takenBy(api);
  const usable = (keys.data ?? []).filter((k) => live(k) && k.environment === environment && (taken?.includes(k.keyManager) ?? true));
  const chosen = usable.find((k) => k.keyManager === caller.credential?.keyManager);
  const put = (change_: Partial<Credential>) => {
    change({ as: "application", credential: { ...caller.credential, ...change_ } });
  };
  const clear = () => { change({ as: "application" }); };
  return (
    <Stack gap="xs">
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <ApplicationSelect
          label={words.whose}
          none={words.noApplication}
          change={(name) => {
            setApplication(name);
            clear();
          }}
        />
        <SegmentedControl
          aria-label={words.environment}
          mt={{ sm: 24 }}
          data={[
            { value: "production", label: texts.developer.keys.production },
            { value: "sandbox", label: texts.developer.keys.sandbox },
          ]}
          value={environment}
          onChange={(next) => {
            setEnvironment(next);
            clear();
          }}
        />
        {application !== null && (
          <Select
            label={words.keyManager}
            data={usable.map((k) => k.keyManager)}
            value={chosen?.keyManager ?? null}
            onChange={(keyManager) => {
              if (keyManager) change({ as: "application", credential: { application, environment, keyManager } });
              else clear();
            }}
            required
            allowDeselect={false}
          />
        )}
        {chosen && (
          <TagsInput label={words.scopes} description={words.scopesHelp} value={caller.credential?.scopes ?? []} onChange={(scopes) => { put({ scopes }); }} splitChars={[",", " "]} acceptValueOnBlur />
        )}
        {chosen?.status.mode === "mapped" && (
          <PasswordInput label={words.secret} description={words.secretHelp} required value={caller.credential?.clientSecret ?? ""} onChange={(event) => { put({ clientSecret: event.currentTarget.value }); }} autoComplete="off" />
        )}
      </SimpleGrid>
      {application !== null && keys.data && usable.length === 0 && <Text size="sm" c="yellow" role="status">{words.noKey(environment)}</Text>}
    </Stack>
  );
}
