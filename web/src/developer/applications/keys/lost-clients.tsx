import { Alert, Button, Group, List, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";

import type { Schemas } from "../../../api/client";
import { act, type KeyPlace } from "../../../api/keys";
import { forgetObject } from "../../../api/objects";
import { useTenant } from "../../../shell/place";
import { texts } from "../../../texts";
import { Icon } from "../../../ui/icon";
import { ProblemAlert } from "../../../ui/problem-alert";
import { Time } from "../../../ui/time";

const words = texts.developer.keys;

interface Props {
  application: string;
  lost: Schemas["ListedKeys"][];
  place: KeyPlace;
}

/** Clients of tries before, which the server may have without anybody using them: somebody has to look for them there. */
export function LostClients({ application, lost, place }: Props) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const run = useMutation({
    mutationFn: () => act(tenant, application, "dismiss", place),
    onSettled: () => forgetObject(queries, tenant, "applications", application),
  });
  return (
    <Alert role="status" color="yellow" icon={<Icon name="warn" />} title={words.lost}>
      <Stack gap="xs">
        <Text size="sm">{words.lostLead}</Text>
        <List size="sm">
          {lost.map((one) => (
            <List.Item key={one.name}><Text span inherit ff="monospace">{one.status.vendorName}</Text> <Time at={one.createdAt} past /></List.Item>
          ))}
        </List>
        {run.error && <ProblemAlert error={run.error} />}
        <Group><Button size="xs" variant="light" loading={run.isPending} onClick={() => { run.mutate(); }}>{words.dismiss}</Button></Group>
      </Stack>
    </Alert>
  );
}
