import { Alert, Anchor, Button, Group, SegmentedControl, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Link } from "react-router";

import type { Schemas } from "../../../api/client";
import { developerTypeQuery, generate, map } from "../../../api/keys";
import { forgetObject, objectQuery } from "../../../api/objects";
import { faultAt } from "../../../api/problem";
import { useTyped } from "../../../session/typed";
import { useTenant } from "../../../shell/place";
import { texts } from "../../../texts";
import { inConsole } from "../../../texts/said";
import { Icon } from "../../../ui/icon";
import { ProblemAlert } from "../../../ui/problem-alert";
import { SecretInput } from "../../../ui/secret-input";
import { showFault } from "../../../ui/show-fault";
import { useTabAddress } from "../use-tab-address";
import { GenerateFields } from "./generate-fields";
import { FreshSecret } from "./fresh-secret";

const words = texts.developer.keys;

interface Props {
  application: string;
  option: Schemas["Option"];
  /** Told while a secret is shown that is never shown again. */
  showing: (shown: boolean) => void;
}

/** The first key at a place: made by Keyward, or a client that exists there already. */
export function NewKey({ application, option, showing }: Props) {
  const { generate: creates, map: maps, why } = option;
  const [chosen, choose] = useTyped(`way ${option.keyManager} ${option.environment}`, "");
  const way = chosen || (creates ? "generate" : "map");
  return (
    <Stack>
      {creates && maps && (
        <SegmentedControl
          aria-label={words.way}
          maw={420}
          data={[{ value: "generate", label: words.generateWay }, { value: "map", label: words.mapWay }]}
          value={way}
          onChange={choose}
        />
      )}
      {!creates && (
        <Alert role="status" color={maps ? "blue" : "yellow"} icon={<Icon name={maps ? "key" : "warn"} />} title={maps ? words.mapOnly : words.neither}>
          {why}
        </Alert>
      )}
      {(creates || maps) && <Opens application={application} environment={option.environment} apis={option.apis ?? []} awaiting={option.awaiting ?? []} />}
      {way === "generate" && creates && <Generate application={application} option={option} showing={showing} />}
      {way === "map" && maps && <MapExisting application={application} option={option} />}
    </Stack>
  );
}

/** Which of the application's APIs take tokens of the key manager: without one, a key here opens nothing yet. */
function Opens({ application, environment, apis, awaiting }: { application: string; environment: string; apis: string[]; awaiting: string[] }) {
  const at = useTabAddress(application);
  const named = (api: string) => (awaiting.includes(api) ? words.awaits(api) : api);
  if (apis.length > 0) return <Text size="sm">{words.opens} {apis.map(named).join(", ")}</Text>;
  return (
    <Text size="sm" c="yellow">
      {words.opensNothing(environment)} <Anchor component={Link} inherit to={at("subscriptions")}>{words.subscribeIt}</Anchor>
    </Text>
  );
}

type Body = Omit<Schemas["GenerateBody"], "keyManager" | "environment">;

function Generate({ application, option, showing }: Props) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const { keyManager, environment } = option;
  const manager = useQuery(objectQuery(tenant, "key-managers", keyManager)).data?.object;
  const type = useQuery(developerTypeQuery(tenant, keyManager));
  const [body, setBody] = useTyped<Body>(`generate ${keyManager} ${environment}`, { grants: ["client_credentials"] });
  const run = useMutation({ mutationFn: () => generate(tenant, application, { ...body, keyManager, environment }) });
  const settle = () => {
    showing(false);
    void forgetObject(queries, tenant, "applications", application);
  };
  if (run.data) {
    return (
      <Stack>
        {run.data.clientSecret ? <FreshSecret made={run.data} rotates={option.rotates} /> : <Text>{words.asked(run.data.state ?? "")}</Text>}
        <Group><Button onClick={settle}>{words.done}</Button></Group>
      </Stack>
    );
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        showing(true);
        run.mutate(undefined, { onError: settle });
      }}
    >
      <Stack maw={620}>
        <Text size="sm" c="dimmed">{words.generateLead(option.displayName ?? keyManager)} {option.approval && words.wantsApproval}</Text>
        <GenerateFields
          body={body}
          set={setBody}
          grantTypes={manager?.spec.clients?.grantTypes ?? manager?.status?.grantTypes ?? []}
          type={type.data}
          error={run.error}
        />
        <Text size="xs" c="dimmed">{option.rotates ? words.rotatesLater(option.overlaps) : words.rotatesNever(inConsole(option.rotationObstacle ?? ""))}</Text>
        {run.error && <ProblemAlert error={run.error} />}
        <Group>
          <Button type="submit" loading={run.isPending} leftSection={<Icon name="key" size={16} />}>{option.approval ? words.request : words.generate}</Button>
          {run.isPending && !option.approval && <Text size="sm" c="dimmed" role="status">{words.creating}</Text>}
        </Group>
      </Stack>
    </form>
  );
}

function MapExisting({ application, option: { keyManager, environment } }: Omit<Props, "showing">) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const [clientId, setClientId] = useTyped(`map ${keyManager} ${environment}`, "");
  const [secret, setSecret] = useState("");
  const run = useMutation({
    mutationFn: () =>
      map(tenant, application, { keyManager, environment, clientId: clientId.trim(), ...(secret && { clientSecret: secret }) }),
    onSettled: () => forgetObject(queries, tenant, "applications", application),
  });
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => { if (run.error) showFault(form.current); }, [run.error]);
  const [idFault, secretFault] = [faultAt(run.error, "clientId"), faultAt(run.error, "clientSecret")];
  return (
    <form
      ref={form}
      onSubmit={(event) => {
        event.preventDefault();
        run.mutate();
      }}
    >
      <Stack maw={620}>
        <Text size="sm" c="dimmed">{words.mapLead}</Text>
        <TextInput
          label={words.clientId}
          required
          value={clientId}
          onChange={(event) => { setClientId(event.currentTarget.value); }}
          error={idFault}
          autoComplete="off"
          spellCheck={false}
        />
        <SecretInput
          label={words.clientSecret}
          description={words.mapSecretHelp}
          value={secret}
          onChange={(event) => { setSecret(event.currentTarget.value); }}
          error={secretFault}
          autoComplete="new-password"
        />
        {run.error && !idFault && !secretFault && <ProblemAlert error={run.error} />}
        <Group><Button type="submit" loading={run.isPending}>{words.map}</Button></Group>
      </Stack>
    </form>
  );
}
