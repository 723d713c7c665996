import { Button, FileButton, Group, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { importOpenAPI, importedQuery } from "../../api/publishing";
import { ProblemError } from "../../api/problem";
import type { Draft } from "../../object/draft";
import { Reference } from "../../reference/document";
import { OperationsList } from "../../reference/operations";
import { useTyped } from "../../session/typed";
import { useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import { Findings } from "./findings";
import { slug } from "./slug";

const words = texts.publisher.openapi;

/**
 * The OpenAPI 3 document that an API's operations come from: its security schemes and scopes become theirs. The server reads
 * it. What the API does not say yet, its title, name, context, version and upstream, is taken from it too.
 */
export function OpenAPIField({ draft }: { draft: Draft<"apis"> }) {
  const tenant = useTenant();
  const [fault, setFault] = useState<string>();
  const [url, setURL] = useTyped("document", "");
  const document = draft.at("spec", "openapi", "document");
  const take = (text: string) => {
    draft.put(undefined, "spec", "operations"); // an API has one or the other
    draft.put({ document: text }, "spec", "openapi");
    const said = new Reference(text);
    if (draft.at("spec", "title") === undefined && said.title) draft.put(said.title, "spec", "title");
    if (draft.at("spec", "upstream", "production") === undefined && said.servers[0]) draft.put(said.servers[0], "spec", "upstream", "production");
    // An API that has no name yet begins as v1: nobody has chosen that, so it gives way to what the document says.
    const version = draft.at("metadata", "name") ? draft.object.spec.version : (versionOf(said.version) ?? draft.object.spec.version);
    if (version !== draft.object.spec.version) draft.put(version, "spec", "version");
    const word = slug(said.title.split(/ [-–—|:] /)[0] ?? ""); // what follows a dash is seldom part of a name
    if (word === "") return;
    if (!draft.at("metadata", "name")) draft.put(`${word}-${slug(version)}`, "metadata", "name");
    if (!draft.at("spec", "context")) draft.put(`/${word}`, "spec", "context");
  };
  const read = useMutation({
    mutationFn: () => importOpenAPI(tenant, { url: url.trim() }),
    onSuccess: (imported) => { take(imported.document ?? ""); },
  });
  const choose = async (file: File | null) => {
    if (!file) return;
    if (file.size > 3 << 20) {
      setFault(words.tooLarge);
      return;
    }
    try {
      take(new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer()));
      setFault(undefined);
    } catch {
      setFault(words.notUTF8);
    }
  };
  return (
    <Stack gap="xs">
      <Group align="flex-end">
        <TextInput
          label={words.address}
          description={words.addressHelp}
          placeholder="https://api.example.com/openapi.yaml"
          value={url}
          error={read.error !== null}
          onChange={(event) => { setURL(event.currentTarget.value); }}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault(); // the form around it is not saved by this
            read.mutate();
          }}
          w={{ base: "100%", sm: 420 }}
          spellCheck={false}
        />
        <Button variant="light" loading={read.isPending} disabled={url.trim() === ""} onClick={() => { read.mutate(); }}>{words.read}</Button>
        <FileButton onChange={(file) => void choose(file)} accept=".yaml,.yml,.json,application/json,application/yaml">
          {(props) => <Button {...props} variant="default" leftSection={<Icon name="book" size={14} />}>{words.choose}</Button>}
        </FileButton>
        {typeof document === "string" && (
          <Button variant="subtle" color="gray" onClick={() => { draft.put(undefined, "spec", "openapi"); }}>{words.byHand}</Button>
        )}
      </Group>
      {(read.error ?? fault) && <Text size="sm" c="red" role="alert">{read.error ? said(read.error) : fault}</Text>}
      {typeof document === "string" ? <Taken document={document} fault={draft.fault("spec", "openapi")} /> : <Text size="xs" c="dimmed">{words.help}</Text>}
    </Stack>
  );
}

// Callers write the major version in their addresses: v2 of 2, 2.1.0 and v2.1. What is before the first one, or counts otherwise, says nothing.
function versionOf(told: string): string | undefined {
  const major = /^v?([1-9]\d{0,2})(?:\.|$)/i.exec(told)?.[1];
  return major === undefined ? undefined : `v${major}`;
}

const said = (error: Error) => (error instanceof ProblemError && error.fields.length > 0 ? error.fields.map((f) => f.message).join("; ") : error.message);

// What an API gets otherwise than its document says, or what is wrong with the document, before anything is saved.
function Taken({ document, fault }: { document: string; fault: string | undefined }) {
  const imported = useQuery(importedQuery(useTenant(), document));
  const wrong = fault ?? (imported.error ? said(imported.error) : undefined);
  if (wrong) return <Text size="sm" c="red" role="alert">{wrong}</Text>;
  if (!imported.data) return null;
  return (
    <>
      <Text size="sm" role="status">{words.taken((imported.data.operations ?? []).length)}</Text>
      <Findings findings={imported.data.findings ?? []} />
    </>
  );
}

/** The operations that an API gets from its OpenAPI document; nothing while the document cannot be read. */
export function ImportedOperations({ document }: { document: string }) {
  const imported = useQuery(importedQuery(useTenant(), document));
  return imported.data && <OperationsList operations={imported.data.operations ?? []} />;
}
