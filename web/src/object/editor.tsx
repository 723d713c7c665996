import { Alert, Button, Group, Stack, Tabs, Text } from "@mantine/core";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { useBeforeUnload, useBlocker, useLocation } from "react-router";

import { onGateways } from "../api/gateways";
import { objectName, type Noun, type Nouns, type Stored } from "../api/objects";
import { isDraft } from "../api/publishing";
import { useSession, useSessionEnded } from "../session/session";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { toneColor, type Tone } from "../theme";
import { Confirm } from "../ui/confirm";
import { showField } from "../ui/field-link";
import { Icon } from "../ui/icon";
import { ProblemAlert } from "../ui/problem-alert";
import { showFault } from "../ui/show-fault";
import { sayDone } from "../ui/say-done";
import { Conflict } from "./conflict";
import { useDraft, type Draft } from "./draft";
import classes from "./editor.module.css";
import { useKeepDraft, useKeptDraft, type KeptDraft } from "./kept-draft";
import { mayWrite } from "./may";
import { EditAsCode } from "./edit-as-code";
import { ManifestSetNote } from "./manifest-set-note";
import { YamlEditor } from "./yaml-editor";

interface Props<N extends Noun> {
  noun: N;
  base: { object: Nouns[N]; etag?: string };
  done: (object: Nouns[N]) => void;
  cancel: () => void;
  form: (draft: Draft<N>) => ReactNode;
  /** What stands between the form and the button that saves, such as a check. */
  before?: (draft: Draft<N>, stored: Nouns[N] | undefined) => ReactNode;
  /** What stays in sight beside the form, and below it where there is no room; label leads there, with what is told of it. */
  beside?: { label: string; panel: (draft: Draft<N>, tell: (what: Told | undefined) => void) => ReactNode };
}

/** What came of what is beside a form, in a word or two. */
export interface Told {
  words: string;
  tone: Tone;
}

/** Makes or changes one object, by a form or as YAML, which are two views of the same draft. */
export function ObjectEditor<N extends Noun>({ noun, base, done, cancel, form, before, beside }: Props<N>) {
  const tenant = useTenant();
  const session = useSession();
  const fixed = !mayWrite(session, noun);
  const ended = useSessionEnded();
  const kept = useKeptDraft(noun);
  const begun = kept?.base ?? base;
  const leaving = useRef(false);
  const [view, setView] = useState("form");
  const [broken, setBroken] = useState(false); // the YAML as it stands cannot be read
  const [rebased, setRebased] = useState(0);
  const { draft, from, save, pending, error, conflict, rebase } = useDraft(tenant, noun, begun, fixed, kept?.object, (stored) => {
    sayDone({ tenant, message: texts.common.saved, reaches: onGateways(noun) && !(begun.etag === undefined && isDraft(stored)) });
    leaving.current = true;
    done(stored);
  });
  const choose = (stored: Stored<N>, next: Nouns[N]) => {
    rebase(stored, next);
    setRebased((n) => n + 1);
    setBroken(false);
  };
  const writes = !fixed && draft.manifestSet === undefined;
  useKeepDraft(noun, from, draft.object, draft.changed);
  // Signing in again leaves the page too; by then the draft is kept.
  useBeforeUnload((event) => { if (draft.changed && writes && !ended && !leaving.current) event.preventDefault(); });
  const place = useRef<HTMLFormElement>(null);
  const side = useRef<HTMLElement>(null);
  const [told, tell] = useState<Told>();
  useEffect(() => { if (error) showFault(place.current); }, [error]);
  const { hash } = useLocation();
  useEffect(() => { if (hash !== "") showField(hash.slice(1)); }, [hash]); // another page named a field of this form
  const blocker = useBlocker(() => draft.changed && !leaving.current && !pending);
  return (
    <>
      <form
        ref={place}
        onSubmit={(event) => {
          event.preventDefault();
          if (writes) save();
        }}
      >
        <Stack>
          {kept && <KeptNote kept={kept} />}
          <ManifestSetNote set={draft.manifestSet} />
          {fixed && <Text size="sm" c="dimmed">{texts.editor.fixed}</Text>}
          <div className={beside && !fixed ? classes.sides : undefined}>
            <Tabs value={view} onChange={(next) => { if (!broken) setView(next ?? "form"); }} keepMounted={false}>
              <Tabs.List aria-label={texts.editor.views}>
                <Tabs.Tab value="form" disabled={broken}>{texts.editor.form}</Tabs.Tab>
                <Tabs.Tab value="yaml">{texts.code.yaml}</Tabs.Tab>
              </Tabs.List>
              <Tabs.Panel value="form" pt="md">{form(draft)}</Tabs.Panel>
              <Tabs.Panel value="yaml" pt="md"><YamlEditor key={rebased} noun={noun} draft={draft} setBroken={setBroken} /></Tabs.Panel>
            </Tabs>
            {beside && !fixed && <aside ref={side} className={classes.aside} tabIndex={-1} aria-label={beside.label}>{beside.panel(draft, tell)}</aside>}
          </div>
          {!fixed && draft.manifestSet !== undefined && <EditAsCode noun={noun} set={draft.manifestSet} stored={from.object} draft={draft.object} />}
          {!fixed && before?.(draft, from.etag === undefined ? undefined : from.object)}
          {conflict ? (
            <Conflict tenant={tenant} noun={noun} name={objectName(base.object)} base={from.object} mine={draft.object} choose={choose} />
          ) : (
            error && <ProblemAlert error={error} />
          )}
          <Group className={classes.acts}>
            {writes && <Button type="submit" loading={pending} disabled={broken}>{texts.common.save}</Button>}
            <Button variant="default" onClick={cancel}>{writes ? texts.confirm.cancel : texts.common.back}</Button>
            {beside && !fixed && (
              <Button variant="subtle" className={classes.toSide} {...(told && { color: toneColor[told.tone] })} onClick={() => { side.current?.scrollIntoView(); side.current?.focus({ preventScroll: true }); }}>
                {told ? `${beside.label}: ${told.words}` : beside.label}
              </Button>
            )}
          </Group>
        </Stack>
      </form>
      <Confirm
        opened={blocker.state === "blocked"}
        close={() => { blocker.reset?.(); }}
        title={texts.editor.leave}
        action={texts.editor.discard}
        run={() => { blocker.proceed?.(); }}
        pending={false}
        error={null}
      >
        {texts.editor.leaveLead}
      </Confirm>
    </>
  );
}

function KeptNote({ kept }: { kept: KeptDraft<Noun> }) {
  return (
    <Alert role="status" color="blue" icon={<Icon name="clock" />} title={texts.editor.kept}>
      <Text size="sm">{texts.editor.keptLead} {kept.lacksSecrets && texts.editor.lacksSecrets}</Text>
    </Alert>
  );
}
