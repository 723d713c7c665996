import { Button, Group, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { forgetTenant } from "../api/objects";
import { useOpened, useTyped } from "../session/typed";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { Confirm } from "./confirm";
import { ProblemAlert } from "./problem-alert";

const words = texts.decide;

interface Props {
  id: string;
  may: boolean;
  what: string;
  approve: () => Promise<void>;
  reject: (reason: string) => Promise<void>;
}

/** Yes, or no with a reason. */
export function ApproveOrReject({ id, may, what, approve, reject }: Props) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const [opened, { open, close }] = useOpened(`reject ${id}`);
  const [reason, setReason] = useTyped(`reason ${id}`, "");
  const settled = () => forgetTenant(queries, tenant);
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
        <Textarea label={words.reason} description={words.reasonHelp} required data-autofocus value={reason} onChange={(event) => { setReason(event.currentTarget.value); }} />
      </Confirm>
    </>
  );
}
