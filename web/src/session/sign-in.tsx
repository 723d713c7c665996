import { Button, Center, Paper, Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { queryOptions, useQuery } from "@tanstack/react-query";
import { useLocation } from "react-router";

import { bodyOf, client } from "../api/client";
import { consolePath } from "../base";
import { texts } from "../texts";
import { Icon } from "../ui/icon";
import { ProblemAlert } from "../ui/problem";
import { signInAddress } from "./session";

const waysQuery = (tenant: string) =>
  queryOptions({
    queryKey: ["session", "ways", tenant],
    queryFn: async ({ signal }) =>
      bodyOf(await client.GET("/api/v1/session/ways", { params: { query: { tenant } }, signal })),
  });

/** The ways into the console: an account of the tenant's own, and the key managers that are marked for it. */
export function SignIn() {
  useDocumentTitle(`${texts.session.title} · ${texts.shell.product}`);
  const { pathname, search } = useLocation();
  const tenant = decodeURIComponent(pathname.split("/")[1] ?? "") || "default";
  const back = consolePath + pathname + search;
  const ways = useQuery(waysQuery(tenant));
  return (
    <Center mih="100vh" p="md" component="main">
      <Paper withBorder p="xl" w="100%" maw={420}>
        <Stack>
          <Text c="pine" component="span">
            <Icon name="shield" size={36} />
          </Text>
          <Title order={1} size="h2">{texts.shell.product}</Title>
          <Text c="dimmed">{texts.session.lead}</Text>
          {ways.error && <ProblemAlert error={ways.error} again={() => void ways.refetch()} />}
          {(ways.data?.items ?? []).map((way, i) => (
            <Button
              key={way.keyManager}
              component="a"
              href={signInAddress(back, { tenant, via: way.keyManager })}
              variant={i === 0 ? "filled" : "default"}
              size="md"
            >
              {texts.session.via(way.name)}
            </Button>
          ))}
        </Stack>
      </Paper>
    </Center>
  );
}
