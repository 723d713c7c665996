import { ActionIcon, Button, Group, Paper, Select, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";

import type { Schemas } from "../../api/client";
import { Shown } from "../../object/fields";
import { without } from "../../object/path";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import { PastedKeys } from "./pasted-keys";
import type { Place } from "./list-rows";

const words = texts.admin.keyManagerForm;

type OtherIssuer = Schemas["OtherIssuer"];
type Source = "main" | "url" | "pasted";

const sourceOf = ({ keys }: OtherIssuer): Source => (keys?.jwks !== undefined ? "url" : keys?.pem || keys?.jwksInline !== undefined ? "pasted" : "main");

/** Further exact iss values, each with keys of its own or the main one's, and an end where there is one. */
export function IssuerRows({ draft, path }: Place) {
  const value = draft.at(...path);
  const issuers = Array.isArray(value) ? (value as OtherIssuer[]) : [];
  const put = (next: OtherIssuer[]) => { draft.put(next.length > 0 ? next : undefined, ...path); };
  return (
    <Stack gap="xs" data-path={path.join(".")} data-label={words.otherIssuers} data-rows tabIndex={-1} role="group" aria-label={words.otherIssuers}>
      <Text fw={600} size="sm">{words.otherIssuers}</Text>
      <Text size="xs" c="dimmed">{words.otherIssuersHelp}</Text>
      {issuers.map((issuer, i) => (
        <IssuerCard
          key={i}
          issuer={issuer}
          path={[...path.slice(0, -1), `${path.at(-1) ?? ""}[${i}]`]}
          draft={draft}
          change={(next) => { put(issuers.map((one, there) => (there === i ? next : one))); }}
          remove={() => { put(issuers.filter((_, there) => there !== i)); }}
        />
      ))}
      {issuers.length === 0 && draft.fixed && <Text size="sm" c="dimmed">{texts.editor.notSet}</Text>}
      {!draft.fixed && (
        <Group>
          <Button variant="default" size="xs" leftSection={<Icon name="plus" size={14} />} onClick={() => { put([...issuers, { issuer: "" }]); }}>
            {words.addIssuer}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

interface Card extends Place {
  issuer: OtherIssuer;
  change: (next: OtherIssuer) => void;
  remove: () => void;
}

function IssuerCard({ issuer, draft, path, change, remove }: Card) {
  const { fixed } = draft;
  const [source, setSource] = useState<Source>(() => sourceOf(issuer));
  const { keys } = issuer;
  const shown = sourceOf(issuer) === "main" ? source : sourceOf(issuer); // what is chosen and not filled in yet is in no manifest
  const input = (name: string) => ({ "data-path": [...path, name].join("."), error: draft.fault(...path, name), spellCheck: false, autoComplete: "off" });
  if (fixed) {
    return (
      <Paper withBorder p="sm">
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <Shown label={words.issuer}>{issuer.issuer}</Shown>
          <Shown label={words.until}>{issuer.until}</Shown>
          <Shown label={words.keysFrom}>{keys?.jwks ?? words.sources.find((one) => one.value === shown)?.label}</Shown>
        </SimpleGrid>
        {shown === "pasted" && <PastedKeys path={[...path, "keys"].join(".")} label={words.pasted} help="" value={keys ?? {}} change={() => undefined} fixed fault={undefined} />}
      </Paper>
    );
  }
  return (
    <Paper withBorder p="sm" role="group" aria-label={issuer.issuer || words.newIssuer}>
      <Stack gap="sm">
        <Group wrap="nowrap" align="flex-start" gap="xs">
          <TextInput {...input("issuer")} flex={1} label={words.issuer} value={issuer.issuer} onChange={(event) => { change({ ...issuer, issuer: event.currentTarget.value }); }} />
          <ActionIcon variant="subtle" color="red" mt={27} aria-label={texts.editor.remove(issuer.issuer || words.newIssuer)} onClick={remove}>
            <Icon name="trash" size={16} />
          </ActionIcon>
        </Group>
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <Select
            label={words.keysFrom}
            data={words.sources}
            value={shown}
            allowDeselect={false}
            onChange={(chosen) => {
              setSource((chosen ?? "main") as Source);
              change(without(issuer, "keys"));
            }}
          />
          <TextInput
            {...input("until")}
            label={words.until}
            placeholder="2027-01-31T00:00:00Z"
            value={issuer.until ?? ""}
            onChange={({ currentTarget: { value } }) => { change(value ? { ...issuer, until: value } : without(issuer, "until")); }}
          />
        </SimpleGrid>
        {shown === "url" && (
          <TextInput
            {...input("keys.jwks")}
            label={words.jwks}
            placeholder="https://"
            value={keys?.jwks ?? ""}
            onChange={({ currentTarget: { value } }) => { change(value ? { ...issuer, keys: { ...keys, jwks: value } } : without(issuer, "keys")); }}
          />
        )}
        {shown === "pasted" && (
          <PastedKeys
            path={[...path, "keys"].join(".")}
            label={words.pasted}
            help={words.pastedHelp}
            value={keys ?? {}}
            change={(next) => { change(next.pem ?? next.jwksInline ? { ...issuer, keys: next } : without(issuer, "keys")); }}
            fixed={false}
            fault={draft.fault(...path, "keys")}
          />
        )}
      </Stack>
    </Paper>
  );
}
