import { Alert, Button, Group, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";

import type { Schemas } from "../api/client";
import { hold, undoHold, undoLift, unhold, type Holdable } from "../api/holds";
import { forgetTenant } from "../api/objects";
import { administers } from "../session/areas";
import { useSession } from "../session/session";
import { useOpened, useTyped } from "../session/typed";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { StateBadge } from "./state-badge";
import { Confirm } from "./confirm";
import { whyHeld } from "./held-sign";
import { Icon } from "./icon";
import { Time } from "./time";
import { sayDone } from "./say-done";

const words = texts.hold;

interface Place {
  noun: Holdable;
  name: string;
}

/** A hold in red, on whatever it stops: why, who, until when, and the way to lift it. */
export function HeldBanner({ hold: held, noun, name, what }: Place & { hold: Schemas["Hold"] | undefined; what?: string }) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const session = useSession();
  const lift = useMutation({
    mutationFn: () => unhold(tenant, noun, name),
    onSuccess: async () => {
      if (held) sayDone({ tenant, message: words.lifted(name), undo: () => undoLift(tenant, noun, name, held) });
      await forgetTenant(queries, tenant);
    },
  });
  if (!held) return null;
  return (
    <Alert role="alert" color="red" variant="filled" icon={<Icon name="pause" />} title={[what === undefined ? words.title : words.whatIsHeld(what), held.reason].filter(Boolean).join(": ")}>
      <Group justify="space-between" gap="sm">
        <Text size="sm" c="white">
          {words.heldBy(held.by ?? words.somebody)} <Time at={held.since} past />
          {held.until && <> · {words.until} <Time at={held.until} /></>} · {words.held}
        </Text>
        {administers(session) && (
          <Button size="xs" variant="white" color="red" loading={lift.isPending} onClick={() => { lift.mutate(); }}>
            {words.lift}
          </Button>
        )}
      </Group>
    </Alert>
  );
}

/** The same as a word, for lists: reason and who are beside it for who may know them. */
export function HeldBadge({ hold: held }: { hold: Schemas["Hold"] }) {
  const why = whyHeld(held);
  return (
    <Stack gap={2}>
      <StateBadge tone="bad">{words.title}</StateBadge>
      {why && <Text size="xs" c="red">{why}</Text>}
    </Stack>
  );
}

/** Switches an object off everywhere, for incidents: with a reason, and a time if it is to end by itself. children say who would notice. */
export function HoldButton({ noun, name, children }: Place & { children?: ReactNode }) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const [opened, { open, close }] = useOpened("hold");
  const [reason, setReason] = useTyped("hold reason", "");
  const [until, setUntil] = useTyped("hold until", "");
  const run = useMutation({
    mutationFn: () => hold(tenant, noun, name, reason.trim(), until ? new Date(until).toISOString() : undefined),
    onSuccess: async (set) => {
      close();
      sayDone({ tenant, message: words.isHeld(name), undo: () => undoHold(tenant, noun, name, set) });
      await forgetTenant(queries, tenant);
    },
  });
  return (
    <>
      <Button variant="default" leftSection={<Icon name="pause" size={16} />} onClick={open}>
        {words.hold}
      </Button>
      <Confirm
        opened={opened}
        close={close}
        title={words.holdTitle(name)}
        word={name}
        action={words.hold}
        run={() => { run.mutate(); }}
        pending={run.isPending}
        error={run.error}
      >
        <Text size="sm">{words.holdLead}</Text>
        {opened && children}
        <Textarea
          label={words.reason}
          description={words.reasonHelp}
          required
          data-autofocus
          value={reason}
          onChange={(event) => { setReason(event.currentTarget.value); }}
        />
        <TextInput
          type="datetime-local"
          label={words.ends}
          description={words.endsHelp}
          value={until}
          onChange={(event) => { setUntil(event.currentTarget.value); }}
        />
      </Confirm>
    </>
  );
}
