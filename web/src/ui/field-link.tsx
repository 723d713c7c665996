import { Anchor, Text } from "@mantine/core";
import { createContext, Fragment, useContext, useSyncExternalStore } from "react";
import { Link } from "react-router";

import { texts } from "../texts";
import { fieldNamed } from "../texts/fields";
import { inConsole } from "../texts/said";

// Fields are looked for on the page, as people do: which there are depends on what is chosen and unfolded.
const fieldAt = (path: string) => document.querySelector<HTMLElement>(`[data-path~="${path}"]`);

interface Found {
  field: HTMLElement;
  /** Of a list with a row for each entry, the row, from 1. */
  row: number | undefined;
}

/** The field for a path of the manifest: its own, or that of what it is part of, or the first of its parts. */
function find(path: string): Found | undefined {
  const wanted = path.replace(/^manifest\./, "");
  if (!/^[\w.[\]-]+$/.test(wanted)) return undefined; // a part of a mapping with any name
  for (let at = wanted; at.includes("."); at = at.replace(/(?:\.[^.[]*|\[\d+\])$/, "")) {
    const field = fieldAt(at);
    const [, row] = /^\[(\d+)\]/.exec(wanted.slice(at.length)) ?? [];
    if (field) return { field, row: row === undefined || field.dataset.rows === undefined ? undefined : Number(row) + 1 };
  }
  const part = document.querySelector<HTMLElement>(`[data-path^="${wanted}."]`);
  return part ? { field: part, row: undefined } : undefined;
}

function labelOf(path: string): string | undefined {
  const found = find(path);
  if (!found) return undefined;
  const { field, row } = found;
  const label = field.dataset.label ?? (field as HTMLInputElement).labels?.[0]?.firstChild?.textContent ?? field.ariaLabel;
  return label ? texts.editor.named(label, row) : undefined;
}

function watch(changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  observer.observe(document.body, { childList: true, subtree: true });
  return () => { observer.disconnect(); };
}

/** Leads to the field for a path, unfolded, where the page has one. */
export function showField(path: string): void {
  const field = find(path)?.field;
  for (let fold = field?.closest("details"); fold; fold = fold.parentElement?.closest("details")) fold.open = true;
  const input = field?.matches("input, textarea") === true ? field : (field?.querySelector<HTMLElement>('[aria-invalid="true"], input, textarea, button') ?? field);
  input?.scrollIntoView({ block: "center" });
  input?.focus({ preventScroll: true });
}

/** Where the fields are that a page without a form speaks of. */
interface Form {
  /** What those are called that only the server knows, by their path. */
  titles?: Record<string, string>;
  /** The address of the form, for those who may open it. */
  at?: string | undefined;
}

export const FormElsewhere = createContext<Form>({});

/** A path of a manifest as people know it: by the label of its field, which leads there. What no form has a field for is the path itself. */
export function FieldLink({ path }: { path: string }) {
  const form = useContext(FormElsewhere);
  const label = useSyncExternalStore(watch, () => labelOf(path));
  if (label !== undefined) return <Anchor component="button" type="button" inherit fw={600} title={path} onClick={() => { showField(path); }}>{label}</Anchor>;
  const known = fieldNamed(path, form.titles);
  if (known === undefined) return <Text span inherit ff="monospace">{path}</Text>;
  const words = texts.editor.named(known.label, known.row);
  if (form.at === undefined) return <Text span inherit fw={600} title={path}>{words}</Text>;
  return <Anchor component={Link} to={`${form.at}#${path}`} inherit fw={600} title={path}>{words}</Anchor>;
}

const paths = /((?:manifest\.)?(?:spec(?:\.[A-Za-z][A-Za-z0-9]*(?:\[\d+\])*)+|metadata\.name))/;

/** What the control plane says, in the words of the console: a path of the manifest is its field, which it leads to. */
export function WithFieldLinks({ text }: { text: string }) {
  return inConsole(text).split(paths).map((part, i) => (i % 2 === 1 ? <FieldLink key={i} path={part} /> : <Fragment key={i}>{part}</Fragment>));
}
