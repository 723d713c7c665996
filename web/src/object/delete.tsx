import { Button, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode, RefObject } from "react";
import { useNavigate } from "react-router";

import { deleteObject, forget, setOf, type Noun, type Stored, type UserList } from "../api/objects";
import { useSession } from "../session/session";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { Confirm } from "../ui/confirm";
import { mayWrite } from "./may";
import { UsedBy, type Then } from "./used-by";

interface Props<N extends Noun> {
  noun: N;
  stored: Stored<N>;
  opened: boolean;
  close: () => void;
  /** Where to go once it is gone. */
  list: string;
  lead: string;
  opener?: RefObject<HTMLElement | null>;
  children?: ReactNode;
}

/** Deletes one object after its name was typed. What is still used is refused by the server, with the list of users. */
export function DeleteObject<N extends Noun>({ noun, stored, opened, close, list, lead, opener, children }: Props<N>) {
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
      opener={opener}
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

interface ButtonProps<N extends Noun> {
  noun: N;
  stored: Stored<N>;
  list: string;
  lead: string;
  users: UserList[];
  then?: Then;
}

/** The button that deletes an object, for who may, with a look at who uses it. What a set owns is deleted in its manifests. */
export function DeleteButton<N extends Noun>({ users, then = "refused", ...rest }: ButtonProps<N>) {
  const [opened, { open, close }] = useDisclosure(false);
  if (!mayWrite(useSession(), rest.noun) || setOf(rest.stored.object) !== undefined) return null;
  return (
    <>
      <Button variant="light" color="red" onClick={open}>{texts.common.delete}</Button>
      <DeleteObject {...rest} opened={opened} close={close}>
        {opened && <UsedBy users={users} then={then} />}
      </DeleteObject>
    </>
  );
}
