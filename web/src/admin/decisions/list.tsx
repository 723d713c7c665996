import { Alert, Anchor, Button, Code, Group, Switch, Text, TextInput } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";

import { decisionsQuery, type Decision, type DecisionFilter } from "../../api/decisions";
import { useAddress, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { StateBadge } from "../../ui/badge";
import { Empty } from "../../ui/empty";
import { Icon } from "../../ui/icon";
import { Page } from "../../ui/page";
import { DataTable, type Column } from "../../ui/table";
import { Time } from "../../ui/time";

const words = texts.admin.decisions;

const filters = ["keyManager", "api", "application", "code"] as const;

/** What the gateways decided lately: found by the id of a refusal, or watched as it happens. */
export function Decisions() {
  const to = useAddress();
  const tenant = useTenant();
  const [params, setParams] = useSearchParams();
  const live = params.get("live") !== "no";
  const filter: DecisionFilter = Object.fromEntries(
    filters.flatMap((name) => (params.get(name) ? [[name, params.get(name)]] : [])),
  );
  const list = useQuery({ ...decisionsQuery(tenant, filter, live), placeholderData: keepPreviousData });
  const put = (name: string, value: string) => {
    setParams((old) => {
      const next = new URLSearchParams(old);
      if (value) next.set(name, value);
      else next.delete(name);
      return next;
    }, { replace: true });
  };
  const columns: Column<Decision>[] = [
    { title: words.when, cell: (d) => <Time at={d.at} /> },
    {
      title: words.outcome,
      cell: (d) => (
        <Anchor component={Link} to={to("admin", "decisions", d.decision)}>
          <StateBadge tone={d.code ? "bad" : "good"}>{d.code || words.passed}</StateBadge>
        </Anchor>
      ),
    },
    { title: words.call, cell: (d) => <Text size="sm">{d.method} {d.api} {d.operation}</Text> },
    { title: words.keyManager, wide: true, cell: (d) => d.keyManager ?? "" },
    { title: words.application, wide: true, cell: (d) => d.application ?? "" },
    { title: words.gateway, wide: true, cell: (d) => d.gateway ?? "" },
    { title: words.id, wide: true, cell: (d) => <Code>{d.decision}</Code> },
  ];
  const away = list.data?.away ?? [];
  return (
    <Page title={words.title} lead={words.lead}>
      <Find />
      <Group align="flex-end">
        {filters.map((name) => (
          <TextInput
            key={name}
            size="xs"
            label={words.filters[name]}
            defaultValue={filter[name] ?? ""}
            onBlur={(event) => { put(name, event.currentTarget.value.trim()); }}
            onKeyDown={(event) => { if (event.key === "Enter") put(name, event.currentTarget.value.trim()); }}
          />
        ))}
        <Switch label={words.live} checked={live} onChange={(event) => { put("live", event.currentTarget.checked ? "" : "no"); }} />
      </Group>
      {away.length > 0 && <Alert color="yellow" icon={<Icon name="warn" />} title={words.away(away.join(", "))} />}
      <DataTable
        label={words.title}
        columns={columns}
        rows={list.data && (list.data.items ?? [])}
        error={list.error}
        again={() => void list.refetch()}
        keyOf={(d) => d.decision}
        empty={<Empty icon="eye" title={words.emptyTitle}>{words.empty}</Empty>}
      />
    </Page>
  );
}

function Find() {
  const to = useAddress();
  const navigate = useNavigate();
  const [id, setId] = useState("");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void navigate(to("admin", "decisions", id.trim()));
      }}
    >
      <Group align="flex-end">
        <TextInput
          label={words.find}
          description={words.findHelp}
          required
          value={id}
          onChange={(event) => { setId(event.currentTarget.value); }}
          w={{ base: "100%", sm: 420 }}
          spellCheck={false}
          autoComplete="off"
        />
        <Button type="submit" variant="light">{words.open}</Button>
      </Group>
    </form>
  );
}
