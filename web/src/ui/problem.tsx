import { Alert, Button, Group, List, Text } from "@mantine/core";

import { messageOf, ProblemError } from "../api/problem";
import { texts } from "../texts";
import { Icon } from "./icon";

interface Props {
  error: unknown;
  title?: string;
  again?: () => void;
}

/** What went wrong, in the control plane's words, with each field's fault and who stands in the way. */
export function ProblemAlert({ error, title, again }: Props) {
  const problem = error instanceof ProblemError ? error.problem : undefined;
  return (
    <Alert role="alert" color="red" icon={<Icon name="warn" />} title={title ?? problem?.title ?? texts.problem.title}>
      <Text size="sm">{messageOf(error)}</Text>
      {(problem?.errors ?? []).length > 0 && (
        <List size="sm" mt="xs">
          {(problem?.errors ?? []).map((fault) => (
            <List.Item key={fault.path + fault.message}>
              <Text span ff="monospace" size="sm">{fault.path}</Text> {fault.message}
            </List.Item>
          ))}
        </List>
      )}
      {(problem?.users ?? []).length > 0 && (
        <Text size="sm" mt="xs">
          {texts.problem.usedBy} {(problem?.users ?? []).map((u) => `${u.kind} ${u.name}`).join(", ")}
        </Text>
      )}
      <Group mt="xs" gap="sm">
        {again && (
          <Button size="xs" variant="light" color="red" onClick={again}>
            {texts.problem.again}
          </Button>
        )}
        {problem && problem.code !== "unreachable" && (
          <Text size="xs" c="dimmed">
            {texts.problem.code} <Text span inherit ff="monospace">{problem.code}</Text>
          </Text>
        )}
      </Group>
    </Alert>
  );
}
