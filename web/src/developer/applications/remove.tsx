import { Button, Group, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useNavigate } from "react-router";

import { deleteApplication, forget, forgetDeleted, objectKey, objectName, type Stored } from "../../api/objects";
import { UsedBy, useUsers } from "../../object/used-by";
import { useAddress, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Confirm } from "../../ui/confirm";
import { Section } from "../../ui/page";
import { sayDone } from "../../ui/say-done";
import { useWhile } from "../../ui/use-while";

const words = texts.developer.applications;

/** Deletes an application with its keys, at their servers too, and its subscriptions. */
export function RemoveApplication({ stored }: { stored: Stored<"applications"> }) {
  const tenant = useTenant();
  const to = useAddress();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const name = objectName(stored.object);
  const [opened, { open, close }] = useDisclosure(false);
  const found = useUsers([{ noun: "subscriptions", application: name }, { noun: "oauth-clients", application: name }], opened);
  const here = useRef(true); // who went elsewhere meanwhile stays there
  useEffect(() => {
    here.current = true;
    return () => { here.current = false; };
  }, []);
  const run = useMutation({
    mutationFn: () => deleteApplication(tenant, name, stored.etag),
    onSuccess: async (gone) => {
      if (here.current) {
        await navigate(gone ? to("developer", "applications") : to("developer", "applications", name)); // there it says what it waits for
        sayDone({ tenant, message: gone ? texts.undo.deleted(name) : words.going(name) });
      }
      await (gone ? forgetDeleted(queries, tenant, "applications", name) : forget(queries, tenant, "applications"));
    },
  });
  // It is out of use within a second. Whoever waits for its servers reads on its page what they have still to do.
  useWhile(run.isPending, 1_000, () => queries.invalidateQueries({ queryKey: objectKey(tenant, "applications", name), exact: true }));
  const begun = run.isPending && stored.object.status?.deleting !== undefined;
  return (
    <Section title={words.deleteSection}>
      <Group>
        <Button variant="default" c="red" onClick={open}>{words.delete}</Button>
      </Group>
      <Confirm
        opened={opened && !begun}
        close={close}
        title={words.deleteTitle(name)}
        word={name}
        action={words.delete}
        run={() => { run.mutate(); }}
        pending={run.isPending}
        error={run.error}
      >
        <Text size="sm">{words.deleteLead}</Text>
        {opened && <UsedBy found={found} then="gone" />}
      </Confirm>
    </Section>
  );
}
