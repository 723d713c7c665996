import { Anchor, Button, Text } from "@mantine/core";
import { Link } from "react-router";

import type { Schemas } from "../../api/client";
import { publishes } from "../../session/areas";
import { useSession } from "../../session/session";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { Empty } from "../../ui/empty";
import { Icon } from "../../ui/icon";
import { Page } from "../../ui/page";
import { SearchField } from "../../ui/search-field";
import { DataTable } from "../../ui/table";
import { useList } from "../../ui/use-list";

const words = texts.publisher.plans;

/** The limits of a plan in words. */
export function ratesOf(plan: Schemas["Plan"]): string {
  const { rate } = plan.spec;
  const rates = rate === undefined ? [] : Array.isArray(rate) ? rate : [rate];
  return rates.map((r) => words.rate(r.requests, r.per)).join(", ") || words.unlimited;
}

/** The plans that subscriptions are taken under. */
export function Plans() {
  const to = useAddress();
  const list = useList("plans");
  const add = publishes(useSession()) && (
    <Button component={Link} to={to("publisher", "plans", "new")} leftSection={<Icon name="plus" size={16} />}>{words.add}</Button>
  );
  return (
    <Page title={words.title} lead={words.lead} actions={add}>
      <SearchField label={words.search} />
      <DataTable
        label={words.title}
        columns={[
          {
            title: texts.common.name,
            cell: (p) => <Anchor component={Link} to={to("publisher", "plans", p.metadata?.name ?? "")} fw={600}>{p.metadata?.name}</Anchor>,
          },
          { title: words.limits, cell: (p) => ratesOf(p) },
          { title: words.approval, cell: (p) => (p.spec.approval === "manual" ? words.manual : words.auto) },
        ]}
        keyOf={(p) => p.metadata?.name ?? ""}
        empty={list.search ? <Text c="dimmed">{texts.table.noMatch}</Text> : <Empty icon="gauge" title={words.emptyTitle} action={add}>{words.empty}</Empty>}
        {...list}
      />
    </Page>
  );
}
