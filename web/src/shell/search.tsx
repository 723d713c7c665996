import { Button, Text, VisuallyHidden } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { Spotlight, spotlight, type SpotlightActionData } from "@mantine/spotlight";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";

import { nounOf } from "../api/objects";
import { everythingQuery } from "../api/search";
import { areasOf } from "../session/areas";
import { useSession } from "../session/session";
import { texts } from "../texts";
import { HeldSign } from "../ui/held-sign";
import { Icon } from "../ui/icon";
import { entriesOf } from "./navigation";
import { objectPage } from "./object-pages";
import { addressOf, useTenant } from "./place";
import classes from "./shell.module.css";

// The fields in which Ctrl-K would be left to the browser: none.
const fields: string[] = [];

/** Search over everything the person may see, by Ctrl-K or ⌘K. The server searches; pages are found here. */
export function SearchButton() {
  const [text, setText] = useState("");
  const [asked] = useDebouncedValue(text.trim(), 150);
  const tenant = useTenant();
  const navigate = useNavigate();
  const session = useSession();
  const areas = areasOf(session);
  const pages = areas.flatMap((area) => entriesOf(area, session).map((entry) => ({ area, entry })));
  const found = useQuery({ ...everythingQuery(tenant, asked), enabled: asked.length > 0, placeholderData: keepPreviousData });
  const wanted = text.trim().toLowerCase();
  const actions: SpotlightActionData[] = [
    ...pages
      .filter(({ entry }) => entry.label.toLowerCase().includes(wanted))
      .map(({ area, entry }) => ({
        id: entry.path.join("/"),
        label: entry.label,
        description: texts.shell.areas[area],
        leftSection: <Icon name={entry.icon} />,
        onClick: () => void navigate(addressOf(tenant, ...entry.path)),
      })),
    ...(asked ? (found.data ?? []) : []).flatMap((hit) => {
      const noun = nounOf(hit.kind);
      const page = noun && objectPage(session, noun);
      return page === undefined ? [] : [{
        id: `${hit.kind}/${hit.name}`,
        label: hit.title ?? hit.name,
        description: hit.application === undefined ? page.label : texts.shell.keyOf(hit.application),
        rightSection: hit.hold && <HeldSign hold={hit.hold} />,
        leftSection: <Icon name={page.icon} />,
        onClick: () => void navigate(addressOf(tenant, page.area, page.page, hit.name)),
      }];
    }),
  ];
  useEarlyKeys(setText);
  const settled = asked === text.trim() && !found.isPlaceholderData && !found.isLoading; // what is shown is what was typed for
  const entered = useRef<HTMLElement>(undefined); // the field, if Enter was pressed in it before the answer came
  useEffect(() => {
    if (!settled || !entered.current) return;
    openFirst(entered.current);
    entered.current = undefined;
  }, [settled]);
  return (
    <>
      <Button variant="default" size="xs" className={classes.search} onClick={spotlight.open} leftSection={<Icon name="search" size={14} />}>
        <Text span size="xs" visibleFrom="xs">{texts.shell.search}</Text>
        <VisuallyHidden>{texts.shell.searchLong}</VisuallyHidden>
        <Text span size="xs" c="dimmed" ml="sm" visibleFrom="sm">{texts.shell.searchHint}</Text>
      </Button>
      <Spotlight
        actions={actions}
        query={text}
        onQueryChange={(typed) => {
          entered.current = undefined;
          setText(typed);
        }}
        onSpotlightClose={() => { entered.current = undefined; }}
        filter={(_, all) => all}
        shortcut={["mod + K"]}
        tagsToIgnore={fields}
        nothingFound={texts.shell.searchNothing}
        scrollable
        maxHeight={420}
        attributes={{ content: { "aria-label": texts.shell.search } }}
        scrollAreaProps={{ viewportProps: { tabIndex: 0, role: "group", "aria-label": texts.shell.found } }}
        searchProps={{
          leftSection: <Icon name="search" />,
          placeholder: texts.shell.searchShort,
          "aria-label": texts.shell.searchLong,
          onKeyDown: (event) => {
            if (event.key !== "Enter") return;
            if (settled) openFirst(event.currentTarget);
            else entered.current = event.currentTarget;
          },
        }}
      />
    </>
  );
}

// Enter opens what fits best, where nothing else was chosen by the arrow keys.
function openFirst(field: HTMLElement): void {
  const around = field.closest('[role="dialog"]');
  if (!around?.querySelector("[data-selected]")) around?.querySelector<HTMLElement>("[data-action]")?.click();
}

// Takes what is typed between Ctrl-K and the moment at which the field has the focus.
function useEarlyKeys(set: (change: (text: string) => string) => void): void {
  useEffect(() => {
    let waiting = false;
    const pressed = (event: KeyboardEvent) => {
      const opens = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k";
      if (opens) waiting = true;
      else if (event.key === "Escape") waiting = false;
      if (!waiting || event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      set((text) => text + event.key);
    };
    const arrived = (event: FocusEvent) => { if (event.target instanceof HTMLInputElement) waiting = false; };
    document.addEventListener("keydown", pressed, true);
    document.addEventListener("focusin", arrived);
    return () => {
      document.removeEventListener("keydown", pressed, true);
      document.removeEventListener("focusin", arrived);
    };
  }, [set]);
}
