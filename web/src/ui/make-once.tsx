import { Alert, Button } from "@mantine/core";
import { useMutation, useQueryClient, type QueryKey } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { useOpened } from "../session/typed";
import { texts } from "../texts";
import { Confirm } from "./confirm";
import { Icon } from "./icon";

interface Props<T> {
  words: { add: string; make: string; once: string };
  /** What is made, to tell its dialog from others on the page. */
  what: string;
  /** What is asked for anew when one is made. */
  stale: QueryKey;
  make: () => Promise<T>;
  /** What is shown this once of what was made. */
  shown: (made: T) => ReactNode;
  closed?: () => void;
  children: ReactNode;
}

/** A button with the dialog that makes something whose secret is shown this once. */
export function MakeOnce<T>({ words, what, stale, make, shown, closed, children }: Props<T>) {
  const queries = useQueryClient();
  const [opened, { open, close }] = useOpened(`make ${what}`);
  const run = useMutation({ mutationFn: make, onSuccess: () => queries.invalidateQueries({ queryKey: stale }) });
  const shut = () => {
    close();
    run.reset();
    closed?.();
  };
  return (
    <>
      <Button leftSection={<Icon name="plus" size={16} />} onClick={open}>{words.add}</Button>
      <Confirm
        opened={opened}
        close={shut}
        title={words.add}
        harmless
        keep={run.data !== undefined}
        action={run.data ? texts.common.close : words.make}
        run={() => {
          if (run.data) shut();
          else run.mutate();
        }}
        pending={run.isPending}
        error={run.error}
      >
        {run.data ? <Alert color="pine" icon={<Icon name="key" />} title={words.once}>{shown(run.data)}</Alert> : children}
      </Confirm>
    </>
  );
}
