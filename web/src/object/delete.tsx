import { Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useNavigate } from "react-router";

import { deleteObject, forget, type Noun, type Stored } from "../api/objects";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { Confirm } from "../ui/confirm";

interface Props<N extends Noun> {
  noun: N;
  stored: Stored<N>;
  opened: boolean;
  close: () => void;
  /** Where to go once it is gone. */
  list: string;
  lead: string;
  children?: ReactNode;
}

/** Deletes one object after its name was typed. What is still used is refused by the server, with the list of users. */
export function DeleteObject<N extends Noun>({ noun, stored, opened, close, list, lead, children }: Props<N>) {
  const tenant = useTenant();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const name = stored.object.metadata?.name ?? "";
  const run = useMutation({
    mutationFn: () => deleteObject(tenant, noun, name, stored.etag),
    onSuccess: async () => {
      await navigate(list);
      await forget(queries, tenant, noun);
    },
  });
  return (
    <Confirm
      opened={opened}
      close={close}
      title={texts.confirm.deleteTitle(name)}
      word={name}
      action={texts.common.delete}
      run={() => { run.mutate(); }}
      pending={run.isPending}
      error={run.error}
    >
      <Text size="sm">{lead}</Text>
      {children}
    </Confirm>
  );
}
