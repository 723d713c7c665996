import { Badge, Tooltip } from "@mantine/core";

import { toneColor, type Tone } from "../theme";

interface Props {
  tone: Tone;
  children: string;
  hint?: string | undefined;
}

/** One word about a state, in the colour that such states have everywhere. It is never cut: a code is looked up by its whole name. */
export function StateBadge({ tone, children, hint }: Props) {
  const badge = (
    <Badge color={toneColor[tone]} variant="light" radius="sm" tt="none" miw="max-content" style={{ verticalAlign: "middle" }}>
      {children}
    </Badge>
  );
  return hint ? <Tooltip label={hint} multiline maw={360}>{badge}</Tooltip> : badge;
}
