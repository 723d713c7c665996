import { Alert, Button, Group, Select, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { createToken, revokeToken, tokensQuery } from "../api/admin";
import { allQuery } from "../api/objects";
import { administers } from "../session/areas";
import { useSession } from "../session/session";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { StateBadge } from "../ui/badge";
import { CodeBlock } from "../ui/code";
import { Confirm } from "../ui/confirm";
import { Icon } from "../ui/icon";
import { Page } from "../ui/page";
import { DataTable } from "../ui/table";
import { Time } from "../ui/time";

const words = texts.admin.tokens;

/** The tokens that programs use the management plane with. */
export function Tokens() {
  const admin = administers(useSession());
  const list = useQuery(tokensQuery(useTenant()));
  return (
    <Page title={words.title} lead={words.lead} actions={admin && <NewToken />}>
      <DataTable
        label={words.title}
        rows={list.data}
        error={list.error}
        again={() => void list.refetch()}
        keyOf={(t) => t.id}
        empty={<Text c="dimmed">{words.empty}</Text>}
        columns={[
          { title: words.user, cell: (t) => t.user },
          { title: words.id, wide: true, cell: (t) => <Text ff="monospace" size="xs">{t.id}</Text> },
          { title: words.created, wide: true, cell: (t) => <Time at={t.createdAt} /> },
          { title: words.used, cell: (t) => <Time at={t.lastUsed} /> },
          {
            title: words.state,
            cell: (t) => (t.revokedAt ? <StateBadge tone="quiet">{words.revoked}</StateBadge> : <StateBadge tone="good">{words.valid}</StateBadge>),
          },
          { title: words.actions, cell: (t) => admin && !t.revokedAt && <Revoke id={t.id} user={t.user} /> },
        ]}
      />
    </Page>
  );
}

function NewToken() {
  const tenant = useTenant();
  const queries = useQueryClient();
  const users = useQuery(allQuery(tenant, "users"));
  const [opened, { open, close }] = useDisclosure(false);
  const [user, setUser] = useState<string | null>(null);
  const run = useMutation({
    mutationFn: () => createToken(tenant, user ?? ""),
    onSuccess: () => queries.invalidateQueries({ queryKey: [tenant, "tokens"] }),
  });
  const shut = () => {
    close();
    run.reset();
  };
  return (
    <>
      <Button leftSection={<Icon name="plus" size={16} />} onClick={open}>{words.add}</Button>
      <Confirm
        opened={opened}
        close={shut}
        title={words.add}
        harmless
        keep={run.data !== undefined}
        action={run.data ? texts.common.close : words.make}
        run={() => {
          if (run.data) shut();
          else run.mutate();
        }}
        pending={run.isPending}
        error={run.error}
      >
        {run.data ? (
          <Alert color="pine" icon={<Icon name="key" />} title={words.once}>
            <CodeBlock label="KEYWARD_TOKEN">{run.data.token}</CodeBlock>
          </Alert>
        ) : (
          <Select label={words.user} description={words.userHelp} data={(users.data ?? []).map((u) => u.metadata?.name ?? "")} value={user} onChange={setUser} searchable required />
        )}
      </Confirm>
    </>
  );
}

function Revoke({ id, user }: { id: string; user: string }) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const [opened, { open, close }] = useDisclosure(false);
  const run = useMutation({
    mutationFn: () => revokeToken(tenant, id),
    onSuccess: async () => {
      close();
      await queries.invalidateQueries({ queryKey: [tenant, "tokens"] });
    },
  });
  return (
    <>
      <Group><Button size="xs" variant="light" color="red" onClick={open}>{words.revoke}</Button></Group>
      <Confirm opened={opened} close={close} title={words.revokeTitle(user)} action={words.revoke} run={() => { run.mutate(); }} pending={run.isPending} error={run.error}>
        <Text size="sm">{words.revokeLead}</Text>
      </Confirm>
    </>
  );
}
