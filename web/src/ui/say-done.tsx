import { Button, Group, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";

import { forgetTenant } from "../api/objects";
import { isProblem, messageOf, OvertakenError } from "../api/problem";
import { seesGateways } from "../session/areas";
import { sessionQuery } from "../session/session";
import { texts } from "../texts";
import { ChangeReach } from "./change-reach";

const words = texts.undo;

interface Done {
  tenant: string;
  /** What was done, in a sentence. */
  message: string;
  /** Puts it back as it was. */
  undo?: () => Promise<unknown>;
  /** Whether gateways hold anything of it. */
  reaches?: boolean;
}

/** How long what was done stays to be seen, in milliseconds: as long as people need to notice a mistake, or to read it. */
const [undoable, told] = [20_000, 8_000];

/**
 * Says what was done, with the button that undoes it. Who sees gateways is told on which of them it is in force, as it
 * happens: it stays while one that is connected lacks it.
 */
export function sayDone({ reaches = true, ...done }: Done): void {
  const id = `done ${Math.random()}`;
  const message = <Told {...done} reaches={reaches} leave={(after) => { notifications.update({ id, message, autoClose: after }); }} />;
  notifications.show({ id, message, color: "pine", autoClose: false });
}

function Told({ tenant, message, undo, reaches, leave }: Done & { leave: (after: number) => void }) {
  const queries = useQueryClient();
  const session = useQuery(sessionQuery).data;
  const [at, setAt] = useState(() => Date.now());
  const run = useMutation({
    mutationFn: () => undo?.() ?? Promise.resolve(),
    onSuccess: () => { setAt(Date.now()); },
    onSettled: () => forgetTenant(queries, tenant),
  });
  const settled = useCallback((whole: boolean) => { leave(whole && !undo ? told : undoable); }, [leave, undo]);
  // What it is about may have gone, or have been changed by somebody else: then there is nothing to undo any more.
  const past = isProblem(run.error, "not_found") ? words.gone : run.error instanceof OvertakenError ? words.overtaken : undefined;
  const watched = reaches && session && seesGateways(session);
  useEffect(() => { if (session !== undefined && !watched) settled(true); }, [session, watched, settled]);
  return (
    <Stack gap={4}>
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm" fw={600}>{run.isSuccess ? words.undone : message}</Text>
        {undo && !run.isSuccess && !past && (
          <Button size="compact-sm" variant="light" loading={run.isPending} onClick={() => { run.mutate(); }}>{words.undo}</Button>
        )}
      </Group>
      {watched && <ChangeReach key={at} id={at} settled={settled} />}
      {run.error && <Text size="sm" {...(!past && { c: "red" })} role="alert">{past ?? messageOf(run.error)}</Text>}
    </Stack>
  );
}
