import { Button, Center, Paper, Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import type { MouseEvent } from "react";
import { useLocation } from "react-router";

import { waysQuery } from "../api/sessions";
import { consolePath } from "../base";
import { texts } from "../texts";
import { Icon } from "../ui/icon";
import { ProblemAlert } from "../ui/problem-alert";
import { VendorSign } from "../ui/vendor-sign";
import { signInAddress } from "./session";
import classes from "./sign-in.module.css";

/** The page that signing in leads back to, and the tenant that its address names. */
export function useBack(): { back: string; tenant: string } {
  const { pathname, search } = useLocation();
  return { back: consolePath + pathname + search, tenant: decodeURIComponent(pathname.split("/")[1] ?? "") || "default" };
}

// A window beside the page that asks: it is small, and the page stays. A browser that opens none goes on in the page itself.
function openApart(event: MouseEvent, address: string): void {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
  if (window.open(address, "keyward-sign-in", "popup,width=560,height=760")) event.preventDefault();
}

/**
 * The ways into the console: an account of the tenant's own, and the key managers that are marked for it. With apart they
 * open a window of their own, which ends at that address.
 */
export function Ways({ apart }: { apart?: string }) {
  const { back, tenant } = useBack();
  const ways = useQuery(waysQuery(tenant));
  return (
    <>
      {ways.error && <ProblemAlert error={ways.error} again={() => void ways.refetch()} />}
      {(ways.data?.items ?? []).map((way, i) => (
        <Button
          key={way.keyManager}
          component="a"
          href={signInAddress(back, { tenant, via: way.keyManager })}
          {...(apart !== undefined && {
            onClick: (event: MouseEvent) => { openApart(event, signInAddress(apart, { tenant, via: way.keyManager })); },
          })}
          variant={i === 0 ? "filled" : "default"}
          size="md"
          className={classes.way}
          justify="flex-start"
          leftSection={<VendorSign type={way.type} />}
        >
          {texts.session.via(way.name)}
        </Button>
      ))}
    </>
  );
}

/** What somebody sees who is not signed in. */
export function SignIn() {
  useDocumentTitle(`${texts.session.title} · ${texts.shell.product}`);
  return (
    <Center mih="100vh" p="md" component="main">
      <Paper withBorder p="xl" w="100%" maw={420}>
        <Stack>
          <Text c="pine" component="span">
            <Icon name="shield" size={36} />
          </Text>
          <Title order={1} size="h2">{texts.shell.product}</Title>
          <Text c="dimmed">{texts.session.lead}</Text>
          <Ways />
        </Stack>
      </Paper>
    </Center>
  );
}
