import { Button, Group, Stack, Tabs } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useRef, type ReactNode } from "react";
import { useBlocker } from "react-router";

import type { Noun, Nouns } from "../api/objects";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { Confirm } from "../ui/confirm";
import { ProblemAlert } from "../ui/problem";
import { Conflict } from "./conflict";
import { useDraft, type Draft } from "./draft";
import { YamlEditor } from "./yaml-editor";

interface Props<N extends Noun> {
  noun: N;
  base: { object: Nouns[N]; etag?: string };
  done: (object: Nouns[N]) => void;
  cancel: () => void;
  form: (draft: Draft<N>) => ReactNode;
  /** What stands between the form and the button that saves, such as a check. */
  before?: (draft: Draft<N>) => ReactNode;
}

/** Makes or changes one object, by a form or as YAML, which are two views of the same draft. */
export function ObjectEditor<N extends Noun>({ noun, base, done, cancel, form, before }: Props<N>) {
  const tenant = useTenant();
  const leaving = useRef(false);
  const { draft, save, pending, error, conflict, rebase } = useDraft(tenant, noun, base, (stored) => {
    notifications.show({ message: texts.common.saved, color: "pine" });
    leaving.current = true;
    done(stored);
  });
  const blocker = useBlocker(() => draft.changed && !leaving.current && !pending);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <Stack>
        <Tabs defaultValue="form" keepMounted={false}>
          <Tabs.List>
            <Tabs.Tab value="form">{texts.editor.form}</Tabs.Tab>
            <Tabs.Tab value="yaml">{texts.code.yaml}</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="form" pt="md">{form(draft)}</Tabs.Panel>
          <Tabs.Panel value="yaml" pt="md"><YamlEditor draft={draft} /></Tabs.Panel>
        </Tabs>
        {before?.(draft)}
        {conflict ? (
          <Conflict tenant={tenant} noun={noun} name={base.object.metadata?.name ?? ""} mine={draft.object} choose={rebase} />
        ) : (
          error && <ProblemAlert error={error} />
        )}
        <Group>
          <Button type="submit" loading={pending}>{texts.common.save}</Button>
          <Button variant="default" onClick={cancel}>{texts.confirm.cancel}</Button>
        </Group>
      </Stack>
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
    </form>
  );
}
