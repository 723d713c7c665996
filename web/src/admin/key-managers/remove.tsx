import { Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { RefObject } from "react";

import { usagesQuery } from "../../api/key-managers";
import { forget, replaceObject, type Stored } from "../../api/objects";
import { DeleteObject } from "../../object/delete";
import { withValue } from "../../object/path";
import { useAddress, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Confirm } from "../../ui/confirm";
import { ImpactList } from "../../ui/impact";

const words = texts.admin.remove;

interface Props {
  stored: Stored<"key-managers">;
  opened: boolean;
  close: () => void;
  /** The button of the menu that asked for it. */
  opener: RefObject<HTMLElement | null>;
}

/** Takes the key manager out of use, or back into it. Before it goes out, who would notice is shown. */
export function SwitchOff({ stored, opened, close, opener }: Props) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const name = stored.object.metadata?.name ?? "";
  const enabled = stored.object.spec.enabled !== false;
  const run = useMutation({
    mutationFn: () =>
      replaceObject(tenant, "key-managers", name, withValue(stored.object, ["spec", "enabled"], enabled ? false : undefined), stored.etag),
    onSuccess: async () => {
      close();
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
      {enabled && opened && <ImpactOf name={name} of="disable" />}
    </Confirm>
  );
}

/** Deletes the key manager that nobody uses any more. */
export function RemoveKeyManager({ stored, opened, close, opener }: Props) {
  const to = useAddress();
  return (
    <DeleteObject
      noun="key-managers"
      stored={stored}
      opened={opened}
      close={close}
      opener={opener}
      list={to("admin", "key-managers")}
      lead={words.deleteLead}
    >
      {opened && <ImpactOf name={stored.object.metadata?.name ?? ""} of="delete" />}
    </DeleteObject>
  );
}

function ImpactOf({ name, of }: { name: string; of: "disable" | "delete" }) {
  return <ImpactList impact={useQuery(usagesQuery(useTenant(), name)).data?.[of]} />;
}
