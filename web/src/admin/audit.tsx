import { Button, Code, Group, Stack, Text, useMatches } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";

import { auditQuery } from "../api/admin";
import type { Schemas } from "../api/client";
import { kindOf, nounOf } from "../api/objects";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { FilterField } from "../ui/filter-field";
import { ObjectLink } from "../ui/object-link";
import { Page } from "../ui/page";
import { DataTable } from "../ui/table";
import { Time } from "../ui/time";
import { rowsOf } from "../ui/use-list";
import { useNarrowed } from "../ui/use-narrowed";

const words = texts.admin.audit;

const names = ["actor", "kind", "name"] as const;

/** Who did what in the tenant, newest first. */
export function Audit() {
  const { filter, put } = useNarrowed(names);
  const narrowed = Object.keys(filter).length > 0;
  const list = useInfiniteQuery(auditQuery(useTenant(), filter));
  const rows = rowsOf(list);
  // A phone has room for two columns: when and by whom, and below each other what was done.
  const phone = useMatches({ base: true, sm: false }, { getInitialValueInEffect: false });
  return (
    <Page title={words.title} lead={words.lead}>
      <Group align="flex-end" gap="sm">
        {names.map((name) => (
          <FilterField
            key={`${name} ${filter[name] ?? ""}`}
            label={words.filters[name]}
            placeholder={texts.admin.decisions.any}
            value={filter[name] ?? ""}
            offered={name === "kind" ? Object.values(kindOf) : name === "actor" ? [...new Set((rows.rows ?? []).map((e) => e.actor))].sort() : []}
            change={(value) => { put({ [name]: value }); }}
          />
        ))}
        {narrowed && <Button size="xs" variant="subtle" onClick={() => { put({ actor: "", kind: "", name: "" }); }}>{words.clear}</Button>}
      </Group>
      <DataTable
        label={words.title}
        minWidth={phone ? 280 : 720}
        keyOf={(e) => String(e.id)}
        empty={<Text c="dimmed">{narrowed ? words.noMatch : words.empty}</Text>}
        columns={[
          {
            title: words.when,
            width: phone ? "38%" : "9rem",
            cell: (e) => (
              <>
                <Time at={e.at} past />
                <Text size="xs" c="dimmed" hiddenFrom="sm" style={{ overflowWrap: "anywhere" }}>{e.actor}</Text>
              </>
            ),
          },
          { title: words.who, wide: true, width: "17%", cell: (e) => <Text size="sm" style={{ overflowWrap: "anywhere" }}>{e.actor}</Text> },
          { title: words.action, width: phone ? "auto" : "13rem", cell: (e) => <Action entry={e} /> },
          { title: words.what, wide: true, width: "26%", cell: (e) => <What entry={e} /> },
          { title: words.detail, wide: true, width: "20%", cell: (e) => <Text size="sm" style={{ overflowWrap: "anywhere" }}>{e.detail}</Text> },
        ]}
        {...rows}
      />
    </Page>
  );
}

// What wide screens have columns for stands below the action on a phone.
function Action({ entry }: { entry: Schemas["AuditEntry"] }) {
  return (
    <>
      <Code style={{ overflowWrap: "anywhere" }}>{entry.action}</Code>
      <Stack gap={2} mt={4} hiddenFrom="sm">
        <What entry={entry} />
        {entry.detail && <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>{entry.detail}</Text>}
      </Stack>
    </>
  );
}

// What is gone has no page any more, and its name leads to one that says so.
function What({ entry }: { entry: Schemas["AuditEntry"] }) {
  const noun = nounOf(entry.kind);
  return (
    <Text size="sm" style={{ overflowWrap: "anywhere" }}>
      {entry.kind} {noun && entry.name ? <ObjectLink noun={noun} name={entry.name} /> : entry.name}
    </Text>
  );
}
