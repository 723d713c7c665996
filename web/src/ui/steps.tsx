import { Box, Code, Group, Paper, Stack, Text } from "@mantine/core";

import { WithFieldLinks } from "./field-link";
import { texts } from "../texts";
import { toneColor, type Tone } from "../theme";
import { Icon, type IconName } from "./icon";
import classes from "./steps.module.css";

/** One step of a check or a decision. */
interface StepLine {
  step: string;
  result: string;
  expected: string;
  seen: string;
  fix?: string | undefined;
  millis?: number;
}

const looks: Record<string, { tone: Tone; icon: IconName }> = {
  pass: { tone: "good", icon: "check" },
  warn: { tone: "warn", icon: "warn" },
  fail: { tone: "bad", icon: "cross" },
};

/** The steps in order: what was wanted, what was seen, and for a failure what to change. */
export function Steps({ steps, label }: { steps: StepLine[]; label: string }) {
  const unreached = steps.filter((line) => line.result === "not reached" && !line.seen);
  return (
    <ol className={classes.list} aria-label={label}>
      {steps.filter((line) => !unreached.includes(line)).map((line) => <Step key={line.step} line={line} />)}
      {unreached.length > 0 && (
        <li className={classes.step}>
          <Text component="span" c="dimmed"><Icon name="minus" /></Text>
          <Text size="sm" c="dimmed">{texts.steps.notReached} {unreached.map((line) => line.step).join(", ")}</Text>
        </li>
      )}
    </ol>
  );
}

/** The step at which a decision ended, before all of them: whoever looks for the cause sees it first. */
export function FailedStep({ steps }: { steps: StepLine[] }) {
  const failed = steps.find((line) => line.result === "fail");
  if (failed === undefined) return null;
  return <Paper withBorder p="md" className={classes.step} component="section" aria-label={texts.steps.failed}><Said line={failed} /></Paper>;
}

function Step({ line }: { line: StepLine }) {
  return <li className={classes.step}><Said line={line} /></li>;
}

function Said({ line }: { line: StepLine }) {
  const look = looks[line.result] ?? { tone: "quiet", icon: "minus" };
  return (
    <>
      <Text component="span" c={toneColor[look.tone]} mt={2}>
        <Icon name={look.icon} />
      </Text>
      <Stack gap={2} miw={0}>
        <Group gap="xs">
          <Text fw={600} size="sm">{line.step}</Text>
          <Text size="sm" c={look.tone === "quiet" ? "dimmed" : toneColor[look.tone]}>{line.result}</Text>
          {line.millis !== undefined && line.millis > 0 && <Text size="xs" c="dimmed">{line.millis} ms</Text>}
        </Group>
        {line.seen && <Text size="sm" className={classes.seen}><WithFieldLinks text={line.seen} /></Text>}
        {line.expected && <Text size="xs" c="dimmed">{texts.steps.expected} <WithFieldLinks text={line.expected} /></Text>}
        {line.fix && line.result !== "pass" && (
          <Remedy label={texts.steps.fix} text={line.fix} />
        )}
      </Stack>
    </>
  );
}

/** What to do about what failed. */
export function Remedy({ label, text }: { label: string; text: string }) {
  return (
    <Box className={classes.fix}>
      <Text size="sm">
        <Text span fw={600} inherit>{label}</Text> <WithFieldLinks text={text} />
      </Text>
    </Box>
  );
}

/** A token's decision in a line: status, code, and what was read of the token. */
export function Verdict({ status, code, detail }: { status: number; code: string; detail?: string | undefined }) {
  const good = status < 400;
  return (
    <Group gap="xs" role="status">
      <Text component="span" c={good ? "pine" : "red"}>
        <Icon name={good ? "check" : "cross"} size={22} />
      </Text>
      <Text fw={650}>{good ? texts.steps.passes : code.startsWith("upstream_") ? texts.steps.noAnswer : texts.steps.refused}</Text>
      <Code>{status} {code}</Code>
      {detail && <Text size="sm" c="dimmed">{detail}</Text>}
    </Group>
  );
}
