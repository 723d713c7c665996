import { PasswordInput, SegmentedControl, Select, SimpleGrid, Stack, TagsInput, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";

import type { Schemas } from "../api/client";
import { keysQuery } from "../api/keys";
import { objectName } from "../api/objects";
import { takenBy } from "../api/publishing";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { ObjectSelect } from "../ui/object-select";

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
    <PasswordInput
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

const live = (k: Schemas["ListedKeys"]) => ["active", "drifted"].includes(k.status.state);

// The application's keys at key managers that the API takes, in one environment.
function AsApplication({ api, caller, change, secret, setSecret }: Props) {
  const tenant = useTenant();
  const { application, environment } = caller;
  const taken = takenBy(api);
  const [only] = taken?.length === 1 ? taken : [];
  const which = { environment, limit: "500", ...(only !== undefined && { keyManager: only }) };
  const keys = useQuery({ ...keysQuery(tenant, application ?? "", which), enabled: application !== undefined });
  const usable = (keys.data?.keys ?? []).filter((k) => live(k) && k.environment === environment && (taken?.includes(k.keyManager) ?? true));
  const chosen = usable.find((k) => k.keyManager === caller.keyManager);
  const first = usable[0]?.keyManager;
  useEffect(() => {
    if (first !== undefined && caller.keyManager === undefined) change({ ...caller, keyManager: first }); // most have one alone
  }, [first, caller, change]);
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
            value={chosen?.keyManager ?? null}
            onChange={(keyManager) => {
              if (keyManager) change({ ...caller, keyManager, scopes: [] });
            }}
            required
            allowDeselect={false}
          />
        )}
        {chosen && (
          <TagsInput label={words.scopes} description={words.scopesHelp} value={caller.scopes} onChange={(scopes) => { change({ ...caller, scopes }); }} />
        )}
        {chosen?.status.mode === "mapped" && (
          <PasswordInput label={words.secret} description={words.secretHelp} required value={secret.clientSecret ?? ""} onChange={(event) => { setSecret({ clientSecret: event.currentTarget.value }); }} autoComplete="off" />
        )}
      </SimpleGrid>
      {application && keys.data && usable.length === 0 && <Text size="sm" c="yellow" role="status">{words.noKey(environment)}</Text>}
    </Stack>
  );
}
