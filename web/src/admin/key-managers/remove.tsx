import { Button, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { RefObject } from "react";

import { usagesQuery } from "../../api/key-managers";
import { forget, objectName, type Stored } from "../../api/objects";
import { changeValue } from "../../object/change-value";
import { DeleteObject } from "../../object/delete";
import { useAddress, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Confirm } from "../../ui/confirm";
import { ImpactList, isRefused } from "../../ui/impact";
import { sayDone } from "../../ui/say-done";

const words = texts.admin.remove;

interface Props {
  stored: Stored<"key-managers">;
  opened: boolean;
  close: () => void;
  /** The button of the menu that asked for it. */
  opener: RefObject<HTMLElement | null>;
}

const setEnabled = (tenant: string, name: string, enabled: boolean) =>
  changeValue(tenant, "key-managers", name, ["spec", "enabled"], enabled ? undefined : false);

/** Takes the key manager out of use, or back into it. Before it goes out, who would notice is shown. */
export function SwitchOff({ stored, opened, close, opener }: Props) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const name = objectName(stored.object);
  const enabled = stored.object.spec.enabled !== false;
  const impact = useQuery({ ...usagesQuery(tenant, name), enabled: opened && enabled }).data?.disable;
  const run = useMutation({
    mutationFn: () => setEnabled(tenant, name, !enabled),
    onSuccess: async () => {
      close();
      sayDone({ tenant, message: enabled ? words.isDisabled(name) : words.isEnabled(name), undo: () => setEnabled(tenant, name, enabled) });
      await forget(queries, tenant, "key-managers");
    },
  });
  return (
    <Confirm
      opened={opened}
      close={close}
      opener={opener}
      title={enabled ? words.disableTitle(name) : words.enableTitle(name)}
      {...(enabled && { word: name })}
      harmless={!enabled}
      action={enabled ? words.disable : words.enable}
      run={() => { run.mutate(); }}
      pending={run.isPending}
      error={run.error}
    >
      <Text size="sm">{enabled ? words.disableLead : words.enableLead}</Text>
      {enabled && <SignedOut stored={stored} />}
      {enabled && opened && <ImpactList impact={impact} />}
    </Confirm>
  );
}

/** Who would notice that its tokens are refused, as when it is held. */
export function Noticed({ stored }: { stored: Stored<"key-managers"> }) {
  const impact = useQuery(usagesQuery(useTenant(), objectName(stored.object))).data?.disable;
  return <><SignedOut stored={stored} /><ImpactList impact={impact} /></>;
}

// Sessions of people who came through it end too, the reader's own perhaps.
function SignedOut({ stored }: { stored: Stored<"key-managers"> }) {
  return stored.object.spec.signIn?.enabled === true && <Text size="sm">{words.signedOut}</Text>;
}

/** Deletes the key manager that nobody uses any more. One that is used can be disabled instead. */
export function RemoveKeyManager({ stored, opened, close, opener, disable }: Props & { disable: () => void }) {
  const to = useAddress();
  const impact = useQuery({ ...usagesQuery(useTenant(), objectName(stored.object)), enabled: opened }).data?.delete;
  return (
    <DeleteObject
      noun="key-managers"
      stored={stored}
      opened={opened}
      close={close}
      opener={opener}
      list={to("admin", "key-managers")}
      lead={words.deleteLead}
      refused={isRefused(impact)}
      instead={stored.object.spec.enabled !== false && <Button variant="light" color="red" onClick={disable}>{words.instead}</Button>}
    >
      <SignedOut stored={stored} />
      {opened && <ImpactList impact={impact} />}
    </DeleteObject>
  );
}
