import { Button, Group, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";

import type { Schemas } from "../../../api/client";
import { act, type KeyPlace } from "../../../api/keys";
import { useTenant } from "../../../shell/place";
import { texts } from "../../../texts";
import { Confirm } from "../../../ui/confirm";

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
      {live && !mapped && <Ending application={application} place={place} word={listed.clientId ?? listed.name} action="revoke" label={words.revoke} lead={words.revokeLead} />}
      <Ending
        application={application}
        place={place}
        word={listed.clientId ?? listed.name}
        action="delete"
        label={mapped ? words.unmap : words.delete}
        lead={mapped ? words.unmapLead : words.deleteLead}
      />
    </Group>
  );
}

interface EndingProps {
  application: string;
  place: KeyPlace;
  word: string;
  action: "revoke" | "delete";
  label: string;
  lead: string;
}

function Ending({ application, place, word, action, label, lead }: EndingProps) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const [opened, { open, close }] = useDisclosure(false);
  const run = useMutation({
    mutationFn: () => act(tenant, application, action, place),
    onSuccess: async () => {
      close();
      await queries.invalidateQueries({ queryKey: [tenant, "applications", "one", application] });
    },
  });
  return (
    <>
      <Button size="xs" variant="light" color="red" onClick={open}>{label}</Button>
      <Confirm
        opened={opened}
        close={close}
        title={`${label}?`}
        word={word}
        action={label}
        run={() => { run.mutate(); }}
        pending={run.isPending}
        error={run.error}
      >
        <Text size="sm">{lead}</Text>
      </Confirm>
    </>
  );
}
