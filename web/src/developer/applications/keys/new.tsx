import { Button, Group, PasswordInput, SegmentedControl, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import type { Schemas } from "../../../api/client";
import { developerTypeQuery, generate, map } from "../../../api/keys";
import { useTenant } from "../../../shell/place";
import { texts } from "../../../texts";
import { Icon } from "../../../ui/icon";
import { ProblemAlert } from "../../../ui/problem";
import { GenerateFields } from "./fields";
import { FreshSecret } from "./secret";

const words = texts.developer.keys;

interface Props {
  application: string;
  manager: Schemas["KeyManager"];
  environment: string;
  /** Told while a secret is shown that is never shown again. */
  showing: (shown: boolean) => void;
}

/** The first key at a place: made by Keyward, or a client that exists there already. */
export function NewKey({ application, manager, environment, showing }: Props) {
  const creates = manager.spec.clients?.create !== false;
  const maps = manager.spec.clients?.map !== false;
  const [way, setWay] = useState(creates ? "generate" : "map");
  return (
    <Stack>
      {creates && maps && (
        <div>
          <SegmentedControl
            aria-label={words.way}
            data={[{ value: "generate", label: words.generateWay }, { value: "map", label: words.mapWay }]}
            value={way}
            onChange={setWay}
          />
        </div>
      )}
      {!creates && !maps && <Text c="dimmed">{words.neither}</Text>}
      {way === "generate" && creates && <Generate application={application} manager={manager} environment={environment} showing={showing} />}
      {way === "map" && maps && <MapExisting application={application} manager={manager} environment={environment} showing={showing} />}
    </Stack>
  );
}

type Body = Omit<Schemas["GenerateBody"], "keyManager" | "environment">;

function Generate({ application, manager, environment, showing }: Props) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const keyManager = manager.metadata?.name ?? "";
  const type = useQuery(developerTypeQuery(tenant, keyManager));
  const [body, setBody] = useState<Body>({ grants: ["client_credentials"] });
  const run = useMutation({ mutationFn: () => generate(tenant, application, { ...body, keyManager, environment }) });
  const settle = () => {
    showing(false);
    void queries.invalidateQueries({ queryKey: [tenant, "applications", "one", application] });
  };
  if (run.data) {
    return (
      <Stack>
        {run.data.clientSecret ? <FreshSecret made={run.data} /> : <Text>{words.asked(run.data.state ?? "")}</Text>}
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
        <Text size="sm" c="dimmed">{words.generateLead(manager.spec.displayName ?? keyManager)}</Text>
        <GenerateFields
          body={body}
          set={setBody}
          grantTypes={manager.spec.clients?.grantTypes ?? manager.status?.grantTypes ?? []}
          type={type.data}
          error={run.error}
        />
        {run.error && <ProblemAlert error={run.error} />}
        <Group>
          <Button type="submit" loading={run.isPending} leftSection={<Icon name="key" size={16} />}>{words.generate}</Button>
          {run.isPending && <Text size="sm" c="dimmed" role="status">{words.creating}</Text>}
        </Group>
      </Stack>
    </form>
  );
}

function MapExisting({ application, manager, environment }: Props) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const [clientId, setClientId] = useState("");
  const [secret, setSecret] = useState("");
  const keyManager = manager.metadata?.name ?? "";
  const run = useMutation({
    mutationFn: () =>
      map(tenant, application, { keyManager, environment, clientId: clientId.trim(), ...(secret && { clientSecret: secret }) }),
    onSettled: () => queries.invalidateQueries({ queryKey: [tenant, "applications", "one", application] }),
  });
  return (
    <form
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
          autoComplete="off"
          spellCheck={false}
        />
        <PasswordInput
          label={words.clientSecret}
          description={words.mapSecretHelp}
          value={secret}
          onChange={(event) => { setSecret(event.currentTarget.value); }}
          autoComplete="new-password"
        />
        {run.error && <ProblemAlert error={run.error} />}
        <Group><Button type="submit" loading={run.isPending}>{words.map}</Button></Group>
      </Stack>
    </form>
  );
}
