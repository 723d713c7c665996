import { AppShell, Burger, Group, NavLink, ScrollArea, SegmentedControl, Stack, Text, VisuallyHidden } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Fragment, Suspense, useRef } from "react";
import { Link, Outlet, useLocation, useNavigate } from "react-router";

import { mostWaiting, waitingQuery } from "../api/admin";
import { areasOf } from "../session/areas";
import { useSession } from "../session/session";
import { texts } from "../texts";
import { Icon } from "../ui/icon";
import { Loading } from "../ui/loading";
import { LoadedContext } from "../ui/page";
import { AccountMenu } from "./account-menu";
import { useFocusKept } from "./focus";
import { entriesOf } from "./navigation";
import { addressOf, useTenant } from "./place";
import { SearchButton } from "./search";
import classes from "./shell.module.css";
import { ThemeSwitch } from "./theme-switch";

/** The frame around every page: the area's menu at the side, search and account above. */
export function Shell() {
  const [opened, { toggle, close }] = useDisclosure(false);
  const loaded = useRef(true);
  useFocusKept();
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 240, breakpoint: "sm", collapsed: { mobile: !opened } }}
      padding={{ base: "md", sm: "xl" }}
    >
      <a className={classes.skip} href="#content" onClick={focusContent}>
        {texts.shell.skip}
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={texts.shell.menu} />
            <Link to="/" className={classes.brand}>
              <Icon name="shield" size={22} />
              <Text span fw={700} fz="lg">{texts.shell.product}</Text>
            </Link>
          </Group>
          <Group gap="xs" wrap="nowrap">
            <SearchButton />
            <ThemeSwitch />
            <AccountMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar component="div" p="sm">
        <Menu close={close} />
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1} className={classes.main}>
        <LoadedContext value={loaded}>
          <Suspense fallback={<Loading />}>
            <Outlet key={useObject()} />
          </Suspense>
        </LoadedContext>
      </AppShell.Main>
    </AppShell>
  );
}

// What the address is about, without the tab: tenant, area, page and name. The page of another object begins anew, with nothing
// that was typed, checked or shown once for the one before.
function useObject(): string {
  return useLocation().pathname.split("/").slice(1, 5).join("/");
}

// How many wait for somebody, as a quiet number; a link's name says what it is.
function Waiting({ n }: { n: number }) {
  if (n === 0) return null;
  const shown = n < mostWaiting ? String(n) : `${mostWaiting - 1}+`;
  return (
    <Text span size="xs" c="dimmed" className={classes.count}>
      {shown}<VisuallyHidden> {texts.shell.waiting}</VisuallyHidden>
    </Text>
  );
}

// The page has a <base>, to which a bare fragment is relative: following the link would leave the page.
function focusContent(event: React.MouseEvent): void {
  event.preventDefault();
  document.getElementById("content")?.focus();
}

function Menu({ close }: { close: () => void }) {
  const session = useSession();
  const areas = areasOf(session);
  const tenant = useTenant();
  const { pathname } = useLocation();
  const navigate = useNavigate();
  const area = areas.find((a) => pathname.startsWith(addressOf(tenant, a))) ?? areas[0];
  const entries = area === undefined ? [] : entriesOf(area, session);
  const waiting = useQuery({ ...waitingQuery(tenant), enabled: entries.some((entry) => entry.waits) }).data;
  if (area === undefined) return null;
  return (
    <Stack gap="sm" h="100%">
      {areas.length > 1 && (
        <SegmentedControl
          aria-label={texts.shell.areaSwitch}
          fullWidth
          size="xs"
          value={area}
          data={areas.map((a) => ({ value: a, label: texts.shell.areas[a] }))}
          onChange={(chosen) => {
            const first = entriesOf(chosen, session)[0];
            if (first) void navigate(addressOf(tenant, ...first.path));
          }}
        />
      )}
      <ScrollArea component="nav" aria-label={texts.shell.pages} flex={1}>
        {entries.map((entry) => {
          const to = addressOf(tenant, ...entry.path);
          const active = pathname === to || pathname.startsWith(`${to}/`);
          return (
            <Fragment key={to}>
              {entry.section && <Text size="xs" c="dimmed" className={classes.section}>{entry.section}</Text>}
              <NavLink
                component={Link}
                to={to}
                label={entry.label}
                leftSection={<Icon name={entry.icon} />}
                rightSection={entry.waits && <Waiting n={waiting?.[entry.waits] ?? 0} />}
                active={active}
                {...(active && { "aria-current": "page" as const })}
                className={classes.entry}
                onClick={close}
              />
            </Fragment>
          );
        })}
      </ScrollArea>
    </Stack>
  );
}
