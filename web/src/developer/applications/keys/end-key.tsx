import { Button, Group, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import type { Schemas } from "../../../api/client";
import { act, type KeyPlace } from "../../../api/keys";
import { forgetObject, objectQuery } from "../../../api/objects";
import { useWhile } from "../../../ui/use-while";
import { useTenant } from "../../../shell/place";
import { texts } from "../../../texts";
import { Confirm } from "../../../ui/confirm";
import { Facts } from "../../../ui/facts";
import { Time } from "../../../ui/time";

const words = texts.developer.keys;

interface Props {
  application: string;
  listed: Schemas["ListedKeys"];
  place: KeyPlace;
}

/** The ways to end a key: out of use now but still listed, or gone, at its server too. */
export function EndKey({ application, listed, place }: Props) {
  const mapped = listed.status.mode === "mapped";
  const live = ["active", "drifted"].includes(listed.status.state);
  return (
    <Group gap="xs">
      {live && !mapped && <Ending application={application} listed={listed} place={place} action="revoke" label={words.revoke} lead={words.revokeLead} />}
      <Ending
        application={application}
        listed={listed}
        place={place}
        action="delete"
        label={mapped ? words.unmap : words.delete}
        lead={mapped ? words.unmapLead : words.deleteLead}
      />
    </Group>
  );
}

interface EndingProps extends Props {
  action: "revoke" | "delete";
  label: string;
  lead: string;
}

// Out of use within a second, which is what people wait for. What its server still has to do, the key's card says.
function Ending({ application, listed, place, action, label, lead }: EndingProps) {
  const tenant = useTenant();
  const { state } = listed.status;
  const manager = useQuery(objectQuery(tenant, "key-managers", place.keyManager)).data?.object;
  const queries = useQueryClient();
  const [opened, { open, close }] = useDisclosure(false);
  const look = () => forgetObject(queries, tenant, "applications", application);
  const run = useMutation({
    mutationFn: () => act(tenant, application, action, place),
    onSettled: look,
    onSuccess: close,
  });
  useWhile(run.isPending, 1_000, look);
  const begun = run.isPending && ["deleting", "revoking"].includes(state);
  return (
    <>
      <Button size="xs" variant="default" c="red" onClick={open}>{label}</Button>
      <Confirm
        opened={opened && !begun}
        close={close}
        title={words.endingOf(label, place.environment, manager?.spec.displayName ?? place.keyManager)}
        word={application}
        action={label}
        run={() => { run.mutate(); }}
        pending={run.isPending}
        error={run.error}
      >
        <Text size="sm">{lead}</Text>
        <Facts
          rows={[
            [words.clientId, listed.clientId],
            [words.lastUsed, <Time key="u" at={listed.lastUsedAt} past />],
          ]}
        />
      </Confirm>
    </>
  );
}
