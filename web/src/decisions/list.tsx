import { Button, Group, Text, TextInput } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";

import { tailQuery } from "../api/decisions";
import { useAddress, useArea, useTenant } from "../shell/place";
import { texts } from "../texts";
import { Empty } from "../ui/empty";
import { Page } from "../ui/page";
import { SilentGateways } from "../ui/silent-gateways";
import { Filters, useFilter } from "./filters";
import { DecisionTable } from "./table";
import { useTail } from "./tail";

const words = texts.admin.decisions;

/** What the gateways decided lately: found by the id of a refusal, or watched as it happens. */
export function Decisions() {
  const narrowed = useFilter();
  return (
    <Page title={words.title} lead={words.lead}>
      <Find />
      <Following key={JSON.stringify(narrowed.filter)} {...narrowed} />
    </Page>
  );
}

function Following(narrowed: ReturnType<typeof useFilter>) {
  const { filter, live, put } = narrowed;
  const list = useQuery({ ...tailQuery(useTenant(), filter), placeholderData: keepPreviousData });
  const tail = useTail(list.data, !live);
  const narrow = Object.keys(filter).length > 0;
  return (
    <>
      <Filters {...narrowed} seen={list.data?.rows ?? []} />
      <Group gap="sm" mih={26}>
        <Text size="sm" c="dimmed">{tail.still ? words.paused(tail.waiting, live) : words.following}</Text>
        {tail.stays && tail.waiting > 0 && (
          <Button
            size="compact-xs"
            variant="light"
            onClick={() => {
              put({ live: "" });
              tail.resume();
            }}
          >
            {words.resume}
          </Button>
        )}
        <SilentGateways of={list.data?.silent} />
      </Group>
      <div {...tail.reading}>
        <DecisionTable
          label={words.title}
          rows={tail.rows}
          error={list.error}
          again={() => void list.refetch()}
          empty={narrow ? <Text c="dimmed">{words.noMatch}</Text> : <Empty icon="eye" title={words.emptyTitle}>{words.empty}</Empty>}
        />
      </div>
    </>
  );
}

/** How a decision's id looks, wherever it is in what was pasted: a header's line, or the whole answer. */
const id = /\b[0-9a-f]{10}-[A-Z2-7]{26}\b/;

function Find() {
  const to = useAddress();
  const area = useArea();
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void navigate(to(area, "decisions", id.exec(typed)?.[0] ?? typed.trim()));
      }}
    >
      <Group align="flex-end" gap="sm">
        <TextInput
          label={words.find}
          description={words.findHelp}
          required
          withAsterisk={false}
          value={typed}
          onChange={(event) => { setTyped(event.currentTarget.value); }}
          w={{ base: "100%", sm: 420 }}
          spellCheck={false}
          autoComplete="off"
        />
        <Button type="submit" variant="light">{words.open}</Button>
      </Group>
    </form>
  );
}
