import { Menu, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { usagesQuery } from "../../api/key-managers";
import { forget, replaceObject, type Stored } from "../../api/objects";
import { DeleteObject } from "../../object/delete";
import { withValue } from "../../object/path";
import { useAddress, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Confirm } from "../../ui/confirm";
import { Icon } from "../../ui/icon";
import { ImpactList } from "../../ui/impact";

const words = texts.admin.remove;

interface Props {
  stored: Stored<"key-managers">;
}

/** Takes the key manager out of use, or back into it. Before it goes out, who would notice is shown. */
export function SwitchOff({ stored }: Props) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const name = stored.object.metadata?.name ?? "";
  const enabled = stored.object.spec.enabled !== false;
  const [opened, { open, close }] = useDisclosure(false);
  const run = useMutation({
    mutationFn: () =>
      replaceObject(tenant, "key-managers", name, withValue(stored.object, ["spec", "enabled"], enabled ? false : undefined), stored.etag),
    onSuccess: async () => {
      close();
      await forget(queries, tenant, "key-managers");
    },
  });
  return (
    <>
      <Menu.Item leftSection={<Icon name="pause" size={16} />} onClick={open} closeMenuOnClick>
        {enabled ? words.disable : words.enable}
      </Menu.Item>
      <Confirm
        opened={opened}
        close={close}
        title={enabled ? words.disableTitle(name) : words.enableTitle(name)}
        {...(enabled && { word: name })}
        harmless={!enabled}
        action={enabled ? words.disable : words.enable}
        run={() => { run.mutate(); }}
        pending={run.isPending}
        error={run.error}
      >
        <Text size="sm">{enabled ? words.disableLead : words.enableLead}</Text>
        {enabled && <ImpactOf name={name} of="disable" />}
      </Confirm>
    </>
  );
}

/** Deletes the key manager that nobody uses any more. */
export function RemoveKeyManager({ stored }: Props) {
  const to = useAddress();
  const [opened, { open, close }] = useDisclosure(false);
  if (stored.object.spec.type === "resident") return null;
  return (
    <>
      <Menu.Item color="red" leftSection={<Icon name="trash" size={16} />} onClick={open}>
        {texts.common.delete}
      </Menu.Item>
      <DeleteObject
        noun="key-managers"
        stored={stored}
        opened={opened}
        close={close}
        list={to("admin", "key-managers")}
        lead={words.deleteLead}
      >
        <ImpactOf name={stored.object.metadata?.name ?? ""} of="delete" />
      </DeleteObject>
    </>
  );
}

function ImpactOf({ name, of }: { name: string; of: "disable" | "delete" }) {
  return <ImpactList impact={useQuery(usagesQuery(useTenant(), name)).data?.[of]} />;
}
