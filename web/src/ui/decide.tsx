import { Button, Group, Textarea } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { Confirm } from "./confirm";
import { ProblemAlert } from "./problem";

const words = texts.decide;

interface Props {
  may: boolean;
  what: string;
  approve: () => Promise<void>;
  reject: (reason: string) => Promise<void>;
}

/** Yes, or no with a reason. */
export function Decide({ may, what, approve, reject }: Props) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const [opened, { open, close }] = useDisclosure(false);
  const [reason, setReason] = useState("");
  const settled = () => queries.invalidateQueries({ queryKey: [tenant] });
  const yes = useMutation({ mutationFn: approve, onSettled: settled });
  const no = useMutation({ mutationFn: () => reject(reason.trim()), onSuccess: settled });
  if (!may) return null;
  return (
    <>
      <Group gap="xs">
        <Button size="xs" loading={yes.isPending} onClick={() => { yes.mutate(); }}>{words.approve}</Button>
        <Button size="xs" variant="default" onClick={open}>{words.reject}</Button>
      </Group>
      {yes.error && <ProblemAlert error={yes.error} />}
      <Confirm
        opened={opened}
        close={close}
        title={words.rejectTitle(what)}
        action={words.reject}
        run={() => { no.mutate(); }}
        pending={no.isPending}
        error={no.error}
      >
        <Textarea label={words.reason} description={words.reasonHelp} required value={reason} onChange={(event) => { setReason(event.currentTarget.value); }} />
      </Confirm>
    </>
  );
}
