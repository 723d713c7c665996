import { Alert, Anchor, Button, Group, Text, TextInput, Tooltip } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation, useNavigate } from "react-router";

import { decisionsQuery, type Decision } from "../../api/decisions";
import { useAddress, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { StateBadge } from "../../ui/badge";
import { Empty } from "../../ui/empty";
import { Icon } from "../../ui/icon";
import { ObjectLink } from "../../ui/object-link";
import { Page } from "../../ui/page";
import { DataTable, type Column } from "../../ui/table";
import { Clock } from "../../ui/time";
import { Filters, useFilter } from "./filters";
import { useTail } from "./tail";

const words = texts.admin.decisions;

/** What the gateways decided lately: found by the id of a refusal, or watched as it happens. */
export function Decisions() {
  const narrowed = useFilter();
  const { filter, live } = narrowed;
  const list = useQuery({ ...decisionsQuery(useTenant(), filter, live), placeholderData: keepPreviousData });
  const newest = list.data && (list.data.items ?? []);
  const tail = useTail(newest);
  const away = list.data?.away ?? [];
  const none = Object.keys(filter).length > 0 ? <Text c="dimmed">{words.noMatch}</Text> : <Empty icon="eye" title={words.emptyTitle}>{words.empty}</Empty>;
  return (
    <Page title={words.title} lead={words.lead}>
      <Find />
      <Filters {...narrowed} seen={newest ?? []} />
      {away.length > 0 && <Alert color="yellow" icon={<Icon name="warn" />} title={words.away(away.join(", "))} />}
      <Group gap="sm" h={26} wrap="nowrap">
        <Text size="sm" c="dimmed">{!live ? words.stopped : tail.paused ? words.paused(tail.waiting) : words.following}</Text>
        {live && tail.paused && tail.waiting > 0 && <Button size="compact-xs" variant="light" onClick={tail.resume}>{words.resume}</Button>}
      </Group>
      <div {...tail.reading}>
        <DataTable
          label={words.title}
          columns={useColumns()}
          rows={tail.rows}
          error={list.error}
          again={() => void list.refetch()}
          keyOf={(d) => d.decision}
          empty={none}
        />
      </div>
    </Page>
  );
}

// Each call is one line, and each column keeps its width: what comes moves nothing but itself.
function useColumns(): Column<Decision>[] {
  const to = useAddress();
  const { search } = useLocation();
  return [
    { title: words.when, share: 10, cell: (d) => <Clock at={d.at} /> },
    {
      title: words.outcome,
      share: 19,
      cell: (d) => (
        <Anchor component={Link} to={to("admin", "decisions", d.decision)} state={{ search }}>
          <StateBadge tone={d.code ? "bad" : "good"}>{d.code || words.passed}</StateBadge>
        </Anchor>
      ),
    },
    { title: words.call, share: 23, cell: (d) => <Line>{[d.method, d.api, d.operation].filter(Boolean).join(" ")}</Line> },
    { title: words.keyManager, wide: true, share: 12, cell: (d) => d.keyManager && <ObjectLink noun="key-managers" name={d.keyManager} /> },
    { title: words.application, wide: true, share: 12, cell: (d) => d.application && <ObjectLink noun="applications" name={d.application} /> },
    { title: words.gateway, wide: true, share: 9, cell: (d) => <Line>{d.gateway ?? ""}</Line> },
    { title: words.id, wide: true, share: 15, cell: (d) => <Line mono>{d.decision}</Line> },
  ];
}

// What is longer than its column is read whole by pointing at it.
function Line({ children, mono = false }: { children: string; mono?: boolean }) {
  return (
    <Tooltip label={children} disabled={children === ""}>
      <Text size={mono ? "xs" : "sm"} truncate="end" {...(mono && { ff: "monospace" })}>{children}</Text>
    </Tooltip>
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
      <Group align="flex-end" gap="sm">
        <TextInput
          label={words.find}
          description={words.findHelp}
          required
          withAsterisk={false}
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
