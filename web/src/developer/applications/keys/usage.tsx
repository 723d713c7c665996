import { SegmentedControl, Stack, Text } from "@mantine/core";
import { useState } from "react";

import type { Schemas } from "../../../api/client";
import { authorizationCodeSnippets } from "../../../snippet/authorization-code";
import { clientCredentialsSnippets } from "../../../snippet/client-credentials";
import type { Client } from "../../../snippet/text";
import { SnippetTabs } from "../../../snippet/snippet-tabs";
import { texts } from "../../../texts";

const words = texts.developer.keys;

interface Props {
  client: Pick<Schemas["ListedKeys"], "tokenEndpoint" | "authorizationEndpoint" | "authentication" | "clientId">;
  /** Nothing is known of the grants of a client that was mapped: it is taken for a program's. */
  grants: string[] | undefined;
  callbacks: string[] | undefined;
  secret?: string;
  scopes?: string[];
  /** How the client authenticates is for its developer to say. */
  mapped?: boolean;
}

/** How to get a token with the key, in several languages. Without the secret at hand the code takes it from CLIENT_SECRET. */
export function Usage({ client, grants, callbacks, secret, scopes = [], mapped = false }: Props) {
  const { tokenEndpoint, authorizationEndpoint, authentication, clientId } = client;
  const [method, setMethod] = useState(authentication);
  const callback = callbacks?.[0];
  const forProgram = (grants === undefined || grants.includes("client_credentials")) && authentication !== "none";
  const forPeople = grants?.includes("authorization_code") === true && authorizationEndpoint !== undefined && callback !== undefined;
  const [chosen, choose] = useState(forProgram ? "program" : "people");
  if (!tokenEndpoint || !clientId) return null;
  if (!forProgram && !forPeople) return <Text size="sm" c="dimmed">{words.useByPeople}</Text>;
  const known: Client = { tokenEndpoint, clientId, authentication: method, scopes, ...(secret !== undefined && { secret }) };
  return (
    <Stack gap="xs">
      {forProgram && forPeople && (
        <SegmentedControl
          aria-label={words.useAs}
          size="xs"
          w="fit-content"
          data={[{ value: "program", label: words.useAsProgram }, { value: "people", label: words.useAsPeople }]}
          value={chosen}
          onChange={choose}
        />
      )}
      {mapped && (
        <SegmentedControl
          aria-label={words.authentication}
          size="xs"
          w="fit-content"
          data={[{ value: "client_secret_basic", label: words.basic }, { value: "client_secret_post", label: words.post }]}
          value={method}
          onChange={setMethod}
        />
      )}
      {chosen === "people" && forPeople ? (
        <>
          <Text size="sm" c="dimmed">{words.peopleLead}</Text>
          <SnippetTabs key="people" snippets={authorizationCodeSnippets({ ...known, authorizationEndpoint, callback })} />
        </>
      ) : (
        <SnippetTabs key="program" snippets={clientCredentialsSnippets(known)} />
      )}
    </Stack>
  );
}
