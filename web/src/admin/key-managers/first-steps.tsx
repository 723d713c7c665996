import { Anchor, List, Paper, Stack, Text, Title } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";
import { Link } from "react-router";

import { usersQuery } from "../../api/objects";
import { useAddress, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";

const words = texts.admin.firstSteps;

/** The way of a new installation from a key manager to a call, while it has no API or no application. added: beside the resident one. */
export function FirstSteps({ added }: { added: boolean }) {
  const tenant = useTenant();
  const to = useAddress();
  const found = useQueries({ queries: (["apis", "applications"] as const).map((noun) => usersQuery(tenant, { noun })) });
  const [apis, applications] = found.map((list) => (list.data?.names.length ?? 0) > 0);
  if (found.some((list) => !list.data) || (apis && applications)) return null;
  const steps = [
    { ...words.keyManager, path: ["admin", "key-managers", "new"], done: added },
    { ...words.api, path: ["publisher", "apis", "new"], done: apis },
    { ...words.application, path: ["developer", "applications", "new"], done: applications },
    { ...words.call, path: ["admin", "decisions"], done: false },
  ];
  return (
    <Paper withBorder p="lg" component="section">
      <Stack gap="sm">
        <Title order={2} size="h4">{words.title}</Title>
        <List type="ordered" size="sm" spacing="xs" withPadding>
          {steps.map(({ name, lead, path, done }) => (
            <List.Item key={name} {...(done && { icon: <Text span c="pine"><Icon name="check" /></Text>, "aria-label": words.done(name) })}>
              <Anchor component={Link} to={to(...path)} size="sm" fw={600}>{name}</Anchor> <Text span size="sm" c="dimmed">{lead}</Text>
            </List.Item>
          ))}
        </List>
      </Stack>
    </Paper>
  );
}
