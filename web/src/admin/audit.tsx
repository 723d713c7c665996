import { Code, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";

import { auditQuery } from "../api/admin";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { Page } from "../ui/page";
import { DataTable } from "../ui/table";
import { Time } from "../ui/time";

const words = texts.admin.audit;

/** Who did what in the tenant, newest first. */
export function Audit() {
  const list = useInfiniteQuery(auditQuery(useTenant()));
  return (
    <Page title={words.title} lead={words.lead}>
      <DataTable
        label={words.title}
        rows={list.data?.pages.flatMap((page) => page.items ?? [])}
        error={list.error}
        again={() => void list.refetch()}
        more={list.hasNextPage ? { load: () => void list.fetchNextPage(), loading: list.isFetchingNextPage } : undefined}
        keyOf={(e) => String(e.id)}
        empty={<Text c="dimmed">{words.empty}</Text>}
        columns={[
          { title: words.when, cell: (e) => <Time at={e.at} /> },
          { title: words.who, cell: (e) => e.actor },
          { title: words.action, cell: (e) => <Code>{e.action}</Code> },
          { title: words.what, cell: (e) => `${e.kind} ${e.name}`.trim() },
          { title: words.detail, wide: true, cell: (e) => <Text size="sm" style={{ overflowWrap: "anywhere" }}>{e.detail}</Text> },
        ]}
      />
    </Page>
  );
}
