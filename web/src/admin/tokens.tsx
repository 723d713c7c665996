import { Select, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { createToken, revokeToken, tokensQuery } from "../api/admin";
import { allQuery } from "../api/objects";
import { administers } from "../session/areas";
import { useSession } from "../session/session";
import { useTyped } from "../session/typed";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { StateBadge } from "../ui/badge";
import { CodeBlock } from "../ui/code";
import { MakeOnce } from "../ui/make-once";
import { Page } from "../ui/page";
import { Revoke } from "../ui/revoke";
import { DataTable } from "../ui/table";
import { Time } from "../ui/time";

const words = texts.admin.tokens;

/** The tokens that programs use the management plane with. */
export function Tokens() {
  const tenant = useTenant();
  const admin = administers(useSession());
  const list = useQuery(tokensQuery(tenant));
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
          { title: words.actions, cell: (t) => admin && !t.revokedAt && <Revoke words={words} name={t.user} noun="tokens" revoke={() => revokeToken(tenant, t.id)} /> },
        ]}
      />
    </Page>
  );
}

function NewToken() {
  const tenant = useTenant();
  const users = useQuery(allQuery(tenant, "users"));
  const [user, setUser] = useTyped<string | null>("user", null);
  return (
    <MakeOnce
      words={words}
      noun="tokens"
      make={() => createToken(tenant, user ?? "")}
      shown={(made) => <CodeBlock label="KEYWARD_TOKEN">{made.token}</CodeBlock>}
    >
      <Select label={words.user} description={words.userHelp} data={(users.data ?? []).map((u) => u.metadata?.name ?? "")} value={user} onChange={setUser} searchable required />
    </MakeOnce>
  );
}
