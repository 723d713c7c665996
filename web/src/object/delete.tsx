import { Button, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode, RefObject } from "react";
import { useNavigate } from "react-router";

import { onGateways } from "../api/gateways";
import { createObject, deleteObject, forgetDeleted, manifestSetOf, objectName, type Noun, type Stored, type UserList } from "../api/objects";
import { useSession } from "../session/session";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { Confirm } from "../ui/confirm";
import { sayDone } from "../ui/say-done";
import { mayWrite } from "./may";
import { UsedBy, useUsers, type Then } from "./used-by";

interface Props<N extends Noun> {
  noun: N;
  stored: Stored<N>;
  opened: boolean;
  close: () => void;
  /** Where to go once it is gone. */
  list: string;
  lead: string;
  opener?: RefObject<HTMLElement | null>;
  /** It is known that something still uses it. */
  refused?: boolean | undefined;
  instead?: ReactNode;
  children?: ReactNode;
}

// What can be made again from its manifest as it was: it has no secrets, and nothing at a server.
const restorable: readonly Noun[] = ["plans", "apis"];

/** Deletes one object after its name was typed. What is still used is not: its users are shown in place of the button. */
export function DeleteObject<N extends Noun>({ noun, stored, opened, close, list, lead, opener, refused, instead, children }: Props<N>) {
  const tenant = useTenant();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const name = objectName(stored.object);
  const run = useMutation({
    mutationFn: () => deleteObject(tenant, noun, name, stored.etag),
    onSuccess: async () => {
      await navigate(list);
      await forgetDeleted(queries, tenant, noun, name);
      sayDone({
        tenant,
        message: texts.undo.deleted(name),
        reaches: onGateways(noun),
        ...(restorable.includes(noun) && { undo: () => createObject(tenant, noun, stored.object) }),
      });
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
      refused={refused ?? false}
      instead={instead}
    >
      {!refused && <Text size="sm">{lead}</Text>}
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
  /** What else deleting it means. */
  children?: ReactNode;
}

/** The button that deletes an object, for who may, with a look at who uses it. What a set owns is deleted in its manifests. */
export function DeleteButton<N extends Noun>({ users, then = "refused", children, ...rest }: ButtonProps<N>) {
  const [opened, { open, close }] = useDisclosure(false);
  const found = useUsers(users, opened);
  if (!mayWrite(useSession(), rest.noun) || manifestSetOf(rest.stored.object) !== undefined) return null;
  return (
    <>
      <Button variant="default" c="red" onClick={open}>{texts.common.delete}</Button>
      <DeleteObject {...rest} opened={opened} close={close} refused={then === "refused" && found.some.length > 0}>
        {opened && <UsedBy found={found} then={then} />}
        {opened && children}
      </DeleteObject>
    </>
  );
}
