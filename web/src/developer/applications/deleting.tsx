import { Alert, Anchor, List, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import type { Schemas } from "../../api/client";
import { keysQuery } from "../../api/keys";
import { useAddress, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import { Time } from "../../ui/time";

const words = texts.developer.applications;

interface Props {
  application: string;
  deleting: NonNullable<NonNullable<Schemas["Application"]["status"]>["deleting"]>;
}

/** Says that the application is being deleted, and at which key managers it still has keys, each with the way to what it waits for. */
export function Deleting({ application, deleting }: Props) {
  const to = useAddress();
  const waiting = useQuery(keysQuery(useTenant(), application)).data;
  return (
    <Alert role="status" color="blue" icon={<Icon name="clock" />} title={words.deletingTitle}>
      <Stack gap="xs">
        <Text size="sm">{words.deletingLead(deleting.by)} <Time at={deleting.since} past /></Text>
        {waiting && waiting.keys.length > 0 && (
          <List size="sm">
            {waiting.keys.map(({ name, keyManager, environment }) => (
              <List.Item key={name}>
                <Anchor component={Link} inherit to={`${to("developer", "applications", application)}?${new URLSearchParams({ "key-manager": keyManager, environment }).toString()}`}>
                  {words.stillAt(keyManager, environment)}
                </Anchor>
              </List.Item>
            ))}
            {waiting.more && <List.Item>{words.stillMore}</List.Item>}
          </List>
        )}
      </Stack>
    </Alert>
  );
}
