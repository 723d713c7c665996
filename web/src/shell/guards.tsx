import { Button, Group, Stack, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, Outlet } from "react-router";

import { listQuery, objectName, type Noun } from "../api/objects";
import { mayWrite } from "../object/may";
import { areasOf, opens, type Area } from "../session/areas";
import { useSession, type Session } from "../session/session";
import { useTenant } from "./place";
import { texts } from "../texts";
import { Empty } from "../ui/empty";
import { ObjectLinks } from "../ui/object-link";
import { Page } from "../ui/page";

const words = texts.notYours;

/** The pages of an area, for who may open them; to others it says why they may not, and whom to ask. */
export function AreaGuard({ area }: { area: Area }) {
  return opens(useSession(), area) ? <Outlet /> : <NotYours wanted={words.areas[area]} />;
}

/** The page that makes an object of a noun, for who may; to others it says why they may not. */
export function NewPageGuard({ noun }: { noun: Noun }) {
  const session = useSession();
  return mayWrite(session, noun) ? <Outlet /> : <NotYours wanted={words.making[noun] ?? words.areas.admin} />;
}

const rolesOf = (session: Session) => (session.roles ?? []).map((role) => words.role(role)).join(", ");

function NotYours({ wanted }: { wanted: string }) {
  const session = useSession();
  return (
    <Page title={words.title}>
      <Empty icon="user" title={wanted} action={<Button component={Link} to="/" variant="default">{texts.missing.home}</Button>}>
        {rolesOf(session) ? words.yours(rolesOf(session)) : texts.session.none} {words.ask(session.tenant)}
      </Empty>
      {areasOf(session).includes("admin") && <Administrators />}
    </Page>
  );
}

// Auditors may know who the administrators are.
function Administrators() {
  const users = useInfiniteQuery(listQuery(useTenant(), "users", { role: "admin" }));
  const names = (users.data?.pages[0]?.items ?? []).map(objectName);
  if (names.length === 0) return null;
  return (
    <Stack align="center">
      <Group gap="xs">
        <Text size="sm" c="dimmed">{words.administrators}</Text>
        <ObjectLinks noun="users" names={names} />
      </Group>
    </Stack>
  );
}
