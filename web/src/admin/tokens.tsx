import { Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";

import { createToken, revokeToken, tokensQuery } from "../api/admin";
import { objectName } from "../api/objects";
import { administers } from "../session/areas";
import { useSession } from "../session/session";
import { useTyped } from "../session/typed";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { StateBadge } from "../ui/state-badge";
import { CodeBlock } from "../ui/code-block";
import { MakeOnce } from "../ui/make-once";
import { ObjectLink } from "../ui/object-link";
import { ObjectSelect } from "../ui/object-select";
import { Page } from "../ui/page";
import { Revoke } from "../ui/revoke";
import { DataTable } from "../ui/table";
import { Time } from "../ui/time";
import { rowsOf } from "../ui/use-list";

const words = texts.admin.tokens;

/** The tokens that programs use the management plane with. */
export function Tokens() {
  const tenant = useTenant();
  const admin = administers(useSession());
  const list = useInfiniteQuery(tokensQuery(tenant));
  return (
    <Page title={words.title} lead={words.lead} actions={admin && <NewToken />}>
      <DataTable
        label={words.title}
        minWidth={560}
        {...rowsOf(list)}
        keyOf={(t) => t.id}
        empty={<Text c="dimmed">{words.empty}</Text>}
        columns={[
          { title: words.user, width: "20%", cell: (t) => <ObjectLink noun="users" name={t.user} /> },
          { title: words.id, wide: true, width: "30%", cell: (t) => <Text ff="monospace" size="xs">{t.id}</Text> },
          { title: words.created, wide: true, width: "14%", cell: (t) => <Time at={t.createdAt} past /> },
          { title: words.used, width: "14%", cell: (t) => <Time at={t.lastUsed} past /> },
          {
            title: words.state,
            width: "10%",
            cell: (t) => (t.revokedAt ? <StateBadge tone="quiet">{words.revoked}</StateBadge> : <StateBadge tone="good">{words.valid}</StateBadge>),
          },
          { title: words.actions, width: "12%", cell: (t) => admin && !t.revokedAt && <Revoke words={words} name={t.user} stale={tokensQuery(tenant).queryKey} revoke={() => revokeToken(tenant, t.id)} /> },
        ]}
      />
    </Page>
  );
}

function NewToken() {
  const tenant = useTenant();
  const [user, setUser] = useTyped<string | null>("user", null);
  return (
    <MakeOnce
      words={words}
      what="tokens"
      stale={tokensQuery(tenant).queryKey}
      make={() => createToken(tenant, user ?? "")}
      shown={(made) => <CodeBlock label="KEYWARD_TOKEN">{made.token}</CodeBlock>}
    >
      <ObjectSelect
        noun="users"
        label={words.user}
        help={words.userHelp}
        none={words.noUser}
        required
        value={user}
        change={(found) => { setUser(found ? objectName(found) : null); }}
      />
    </MakeOnce>
  );
}
