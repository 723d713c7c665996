import { Anchor, Stack, Text } from "@mantine/core";
import { Link } from "react-router";

interface Props {
  to: string;
  name: string;
  /** What people call it; the name stands below it then. */
  shown?: string | undefined;
}

/** The way from a list to one of its objects. */
export function NameLink({ to, name, shown }: Props) {
  return (
    <Stack gap={0}>
      <Anchor component={Link} to={to} fw={600} size="sm">
        {shown ?? name}
      </Anchor>
      {shown !== undefined && <Text size="xs" c="dimmed">{name}</Text>}
    </Stack>
  );
}
