import { Group, Paper, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

import { Icon, type IconName } from "./icon";

interface Props {
  icon: IconName;
  title: string;
  children: ReactNode;
  action?: ReactNode;
}

/** What a page says while there is nothing on it: what would be here, and the next step. */
export function Empty({ icon, title, children, action }: Props) {
  return (
    <Paper withBorder p="xl">
      <Stack align="center" gap="xs" ta="center">
        <Text c="dimmed" component="span">
          <Icon name={icon} size={32} />
        </Text>
        <Title order={2} size="h4">
          {title}
        </Title>
        <Text c="dimmed" maw={520}>
          {children}
        </Text>
        {action && <Group mt="xs">{action}</Group>}
      </Stack>
    </Paper>
  );
}
