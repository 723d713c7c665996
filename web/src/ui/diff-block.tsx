import { Group, Paper, Text } from "@mantine/core";

import { diffLines, hunksOf } from "./diff-lines";
import { texts } from "../texts";
import { CopyWords } from "./copy";
import classes from "./diff-block.module.css";

interface Props {
  label: string;
  before: string;
  after: string;
}

/** What was changed in a text: lines taken away and added, each with its sign, and a few of those around them. */
export function DiffBlock({ label, before, after }: Props) {
  const lines = hunksOf(diffLines(before, after));
  const plain = lines.map((line) => (line ? line.sign + line.text : "…")).join("\n");
  return (
    <Paper withBorder p={0} style={{ overflow: "hidden" }}>
      <Group justify="space-between" px="sm" py={6}>
        <Text size="xs" c="dimmed">{label}</Text>
        <CopyWords value={plain} label={texts.copy.copy} />
      </Group>
      <pre className={classes.lines} tabIndex={0} role="region" aria-label={label} data-scrolls>
        {lines.map((line, i) => (
          <span key={i} className={classes.line} data-sign={line?.sign ?? "…"}>
            {line ? line.sign + line.text : "…"}
          </span>
        ))}
      </pre>
    </Paper>
  );
}
