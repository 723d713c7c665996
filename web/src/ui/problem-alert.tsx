import { Alert, Button, Group, List, Stack, Text } from "@mantine/core";

import { type FieldError, messageOf, type Problem, ProblemError } from "../api/problem";
import { FieldLink, WithFieldLinks } from "./field-link";
import { texts } from "../texts";
import { Icon } from "./icon";
import { RefList } from "./impact";

interface Props {
  error: unknown;
  title?: string;
  again?: () => void;
}

// The control plane's titles are the names of HTTP's status codes, which tell people nothing.
function titleOf(problem: Problem | undefined): string {
  if (problem?.code === "unreachable") return problem.title;
  return texts.problem.titles[problem?.status ?? 0] ?? texts.problem.title;
}

// The faults that the sentence above them does not say already, as it does of a single one.
function faultsBeside(problem: Problem | undefined): FieldError[] {
  const faults = problem?.errors ?? [];
  const only = faults.length === 1 ? faults[0] : undefined;
  return only && problem?.detail.includes(only.message) ? [] : faults;
}

/** What went wrong, in the control plane's words, with each field's fault and who stands in the way. */
export function ProblemAlert({ error, title, again }: Props) {
  const problem = error instanceof ProblemError ? error.problem : undefined;
  if (problem?.code === "unauthenticated") return null; // the page asks to sign in again, and then it can be sent again
  const faults = faultsBeside(problem);
  return (
    <Alert role="alert" color="red" icon={<Icon name="warn" />} title={title ?? titleOf(problem)}>
      <Text size="sm"><WithFieldLinks text={messageOf(error)} /></Text>
      {faults.length > 0 && (
        <List size="sm" mt="xs">
          {faults.map((fault) => (
            <List.Item key={fault.path + fault.message}>
              <FieldLink path={fault.path} /> <WithFieldLinks text={fault.message} />
            </List.Item>
          ))}
        </List>
      )}
      {(problem?.users ?? []).length > 0 && (
        <Stack gap={4} mt="xs">
          <Text size="sm">{texts.problem.usedBy}</Text>
          <RefList refs={problem?.users ?? []} />
        </Stack>
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
