import { SegmentedControl, Stack, Text } from "@mantine/core";
import { useState } from "react";

import type { Schemas } from "../../../api/client";
import { assertionSnippets, keyFile } from "../../../snippet/assertion";
import { authorizationCodeSnippets } from "../../../snippet/authorization-code";
import { clientCredentialsSnippets } from "../../../snippet/client-credentials";
import type { Client } from "../../../snippet/text";
import { SnippetTabs } from "../../../snippet/snippet-tabs";
import { texts } from "../../../texts";

const words = texts.developer.keys;

const signed = "private_key_jwt";

interface Props {
  client: Pick<Schemas["ListedKeys"], "tokenEndpoint" | "authorizationEndpoint" | "authentication" | "assertionAudience" | "clientId">;
  /** Nothing is known of the grants of a client that was mapped: it is taken for a program's. */
  grants: string[] | undefined;
  callbacks: string[] | undefined;
  secret?: string;
  scopes?: string[];
  /** How the client authenticates is for its developer to say. */
  mapped?: boolean;
}

/**
 * How to get a token with the key, in several languages. Without the secret at hand the code takes it from CLIENT_SECRET, and a
 * private key from a file.
 */
export function Usage({ client, grants, callbacks, secret, scopes = [], mapped = false }: Props) {
  const { tokenEndpoint, authorizationEndpoint, authentication, assertionAudience, clientId } = client;
  const [method, setMethod] = useState(authentication);
  const callback = callbacks?.[0];
  const forProgram = (grants === undefined || grants.includes("client_credentials")) && authentication !== "none";
  const forPeople = grants?.includes("authorization_code") === true && authorizationEndpoint !== undefined && callback !== undefined;
  const [chosen, choose] = useState(forProgram ? "program" : "people");
  if (!tokenEndpoint || !clientId) return null;
  if (!forProgram && !forPeople) return <Text size="sm" c="dimmed">{words.useByPeople}</Text>;
  const signs = method === signed && assertionAudience !== undefined;
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
          data={[{ value: "client_secret_basic", label: words.basic }, { value: "client_secret_post", label: words.post }, { value: signed, label: words.signed }]}
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
        <>
          {(mapped || signs) && <Text size="sm" c="dimmed">{signs ? words.keyFrom(keyFile) : words.secretFrom}</Text>}
          <SnippetTabs key="program" snippets={signs ? assertionSnippets({ ...known, assertionAudience }) : clientCredentialsSnippets(known)} />
        </>
      )}
    </Stack>
  );
}
