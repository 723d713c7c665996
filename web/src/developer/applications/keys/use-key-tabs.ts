import { useEffect, useState } from "react";

import type { Schemas } from "../../../api/client";

/** As many key managers have a tab at first; the others are looked for. */
export const tabCount = 6;

/** A key manager as its tab shows it. */
export interface Manager {
  name: string;
  label: string;
  hold: Schemas["Hold"] | undefined;
}

/** The tabs that an application's page has shown, in their order, and the one that was chosen last. */
export interface KeyTabs {
  shown: Manager[];
  chosen?: string | undefined;
  keep: (shown: Manager[], chosen: string) => void;
}

/** The tabs of an application, for as long as its page is open. */
export function useKeyTabs(): KeyTabs {
  const [kept, setKept] = useState<Omit<KeyTabs, "keep">>({ shown: [] });
  return { ...kept, keep: (shown, chosen) => { setKept({ shown, chosen }); } };
}

/**
 * The tabs to show: what has one keeps it, and its place, though a key comes or goes; the first of known fill up what is left.
 * The chosen one always has a tab. Nothing is known while the page waits for it.
 */
export function useTabs({ shown, chosen: before, keep }: KeyTabs, known: Manager[] | undefined, chosen: string): Manager[] {
  const tabs = known === undefined ? shown : tabsOf(shown, known, chosen);
  const same = before === chosen && tabs.length === shown.length && tabs.every((tab, i) => tab.name === shown[i]?.name && tab.label === shown[i].label);
  useEffect(() => { if (known !== undefined && !same) keep(tabs, chosen); });
  return tabs;
}

function tabsOf(shown: Manager[], known: Manager[], chosen: string): Manager[] {
  const now = shown.map((tab) => known.find((m) => m.name === tab.name) ?? { ...tab, hold: undefined });
  const has = (name: string) => shown.some((tab) => tab.name === name);
  const fresh = known.filter((m) => !has(m.name)).slice(0, Math.max(0, tabCount - shown.length));
  const further = [...shown, ...fresh].some((tab) => tab.name === chosen) ? [] : [known.find((m) => m.name === chosen) ?? { name: chosen, label: chosen, hold: undefined }];
  return [...now, ...fresh, ...further];
}
