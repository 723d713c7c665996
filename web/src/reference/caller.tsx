import { SegmentedControl, Select, SimpleGrid, Stack, TagsInput, Text } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect } from "react";

import type { Schemas } from "../api/client";
import { keysQuery } from "../api/keys";
import { objectName } from "../api/objects";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { ObjectSelect } from "../ui/object-select";
import { SecretInput } from "../ui/secret-input";
import { useSearchText } from "../ui/use-search-text";

const words = texts.reference.tryout;

/** As whom a call is made, without what is secret of it. */
export interface Caller {
  as: "application" | "token" | "nobody";
  /** Its name. */
  application?: string;
  environment: string;
  keyManager?: string;
  scopes: string[];
}

/** What is secret of a caller: the token, or the secret of a client that was mapped. */
export type CallerSecret = Pick<Schemas["TryBody"], "token" | "clientSecret">;

type Credential = CallerSecret & Pick<Schemas["TryBody"], "application" | "keyManager" | "environment" | "scopes">;

/** What the call is sent with; undefined where something is still to be chosen. Nobody has none. */
export function credentialOf({ as, application, environment, keyManager, scopes }: Caller, secret: CallerSecret): Credential | undefined {
  switch (as) {
    case "nobody":
      return {};
    case "token":
      return secret.token ? { token: secret.token } : undefined;
    case "application":
      if (!application || !keyManager) return undefined;
      return { application, environment, keyManager, ...(scopes.length > 0 && { scopes }), ...(secret.clientSecret && { clientSecret: secret.clientSecret }) };
  }
}

interface Props {
  api: Schemas["API"];
  caller: Caller;
  change: (caller: Caller) => void;
  secret: CallerSecret;
  setSecret: (secret: CallerSecret) => void;
}

/** Chooses whose token a call carries. */
export function CallerFields(props: Props) {
  const { caller, secret, setSecret } = props;
  if (caller.as === "application") return <AsApplication {...props} />;
  if (caller.as === "nobody") return null;
  return (
    <SecretInput
      label={words.value}
      description={words.valueHelp}
      required
      value={secret.token ?? ""}
      onChange={(event) => { setSecret({ token: event.currentTarget.value.trim() }); }}
      autoComplete="off"
      spellCheck={false}
    />
  );
}

/** As many key managers are offered at once; the others are looked for. */
const offered = "20";

// The keys of the application that the API takes, in one environment: the first of them, what somebody looks for, and the chosen one.
function useUsable(api: string, { application, environment, keyManager }: Caller) {
  const tenant = useTenant();
  const { asked, setSearch } = useSearchText(keyManager === undefined ? [] : [keyManager]);
  const which = { api, usable: true, environment };
  const enabled = application !== undefined;
  const keys = useQuery({
    ...keysQuery(tenant, application ?? "", { ...which, limit: offered, ...(asked && { search: asked }) }),
    enabled,
    placeholderData: keepPreviousData,
  });
  const found = (enabled && keys.data?.keys) || [];
  const further = useQuery({
    ...keysQuery(tenant, application ?? "", { ...which, keyManager: keyManager ?? "", limit: "1" }),
    enabled: enabled && keys.data !== undefined && keyManager !== undefined && !found.some((k) => k.keyManager === keyManager),
  });
  const usable = [...(further.data?.keys ?? []).filter((k) => !found.some((f) => f.keyManager === k.keyManager)), ...found];
  const settled = keys.data !== undefined && !keys.isPlaceholderData && asked === "";
  return { usable, setSearch, settled };
}

// The application's keys at key managers that the API takes, in one environment.
function AsApplication({ api, caller, change, secret, setSecret }: Props) {
  const { application, environment } = caller;
  const { usable, setSearch, settled } = useUsable(objectName(api), caller);
  const chosen = usable.find((k) => k.keyManager === caller.keyManager);
  const first = usable[0]?.keyManager;
  useEffect(() => {
    if (settled && first !== undefined && caller.keyManager === undefined) change({ ...caller, keyManager: first }); // most have one alone
  }, [settled, first, caller, change]);
  return (
    <Stack gap="xs">
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <ObjectSelect
          noun="applications"
          label={words.whose}
          none={words.noApplication}
          required
          value={application ?? null}
          change={(found) => { change({ as: "application", environment, scopes: [], ...(found && { application: objectName(found) }) }); }}
        />
        <SegmentedControl
          aria-label={words.environment}
          mt={{ sm: 24 }}
          data={[
            { value: "production", label: texts.developer.keys.production },
            { value: "sandbox", label: texts.developer.keys.sandbox },
          ]}
          value={environment}
          onChange={(next) => { change({ as: "application", environment: next, scopes: [], ...(application && { application }) }); }}
        />
        {application && (
          <Select
            label={words.keyManager}
            data={usable.map((k) => k.keyManager)}
            filter={({ options }) => options}
            value={chosen?.keyManager ?? null}
            onSearchChange={setSearch}
            onChange={(keyManager) => {
              if (keyManager) change({ ...caller, keyManager, scopes: [] });
            }}
            searchable
            required
            allowDeselect={false}
            nothingFoundMessage={texts.table.noMatch}
          />
        )}
        {chosen && (
          <TagsInput label={words.scopes} description={words.scopesHelp} value={caller.scopes} onChange={(scopes) => { change({ ...caller, scopes }); }} />
        )}
        {chosen?.status.mode === "mapped" && (
          <SecretInput label={words.secret} description={words.secretHelp} required value={secret.clientSecret ?? ""} onChange={(event) => { setSecret({ clientSecret: event.currentTarget.value }); }} autoComplete="off" />
        )}
      </SimpleGrid>
      {application && settled && usable.length === 0 && <Text size="sm" c="yellow" role="status">{words.noKey(environment)}</Text>}
    </Stack>
  );
}
