import { Button, Text, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";

import type { Schemas } from "../../../api/client";
import { rotate, type KeyPlace } from "../../../api/keys";
import { forgetObject } from "../../../api/objects";
import { isProblem } from "../../../api/problem";
import { useOpened, useTyped } from "../../../session/typed";
import { useTenant } from "../../../shell/place";
import { texts } from "../../../texts";
import { Confirm } from "../../../ui/confirm";
import { Icon } from "../../../ui/icon";
import { FreshSecret } from "./fresh-secret";

const words = texts.developer.keys;

interface Props {
  application: string;
  place: KeyPlace;
  listed: Schemas["ListedKeys"];
}

/** A new secret for the same client; where the server can, the old one goes on for a while. */
export function Rotate({ application, place, listed }: Props) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const at = `${place.keyManager} ${place.environment}`;
  const [opened, { open, close }] = useOpened(`rotate ${at}`);
  const [overlap, setOverlap] = useTyped(`overlap ${at}`, "24h"); // programs that have the old one go on meanwhile
  const run = useMutation({
    mutationFn: () => rotate(tenant, application, { ...place, ...(listed.overlaps && overlap && { overlap }) }),
    onSettled: () => forgetObject(queries, tenant, "applications", application),
  });
  const shut = () => {
    close();
    run.reset();
  };
  return (
    <>
      <Button size="xs" variant="default" leftSection={<Icon name="refresh" size={14} />} onClick={open}>{words.rotate}</Button>
      <Confirm
        opened={opened}
        close={shut}
        title={run.data ? words.rotated : words.rotateTitle}
        action={run.data ? words.done : words.rotate}
        harmless
        keep={run.data !== undefined}
        run={() => {
          if (run.data) shut();
          else run.mutate();
        }}
        pending={run.isPending}
        error={run.error}
      >
        {run.data ? (
          <FreshSecret made={run.data} rotates />
        ) : (
          <>
            <Text size="sm">{listed.overlaps ? words.rotateLead : words.rotateEnds}</Text>
            {listed.overlaps && (
              <TextInput
                label={words.overlap}
                description={words.overlapHelp}
                value={overlap}
                onChange={(event) => { setOverlap(event.currentTarget.value.trim()); }}
              />
            )}
            {isProblem(run.error, "key_manager_failed") && (
              <Text size="sm" fw={600}>{listed.status.state === "rotating" ? words.rotateGoesOn : words.rotateStays}</Text>
            )}
          </>
        )}
      </Confirm>
    </>
  );
}
