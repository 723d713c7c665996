import { Badge, Tooltip, VisuallyHidden } from "@mantine/core";

import type { Schemas } from "../api/client";
import { toneColor } from "../theme";
import { texts } from "../texts";

const words = texts.hold;

/** Why something is held and by whom, for who may know them. */
export function whyHeld(hold: Schemas["Hold"]): string {
  return [hold.reason, hold.by && words.by(hold.by)].filter(Boolean).join(", ");
}

/** In red beside the name of something that is held, with the reason on hover and for screen readers. */
export function HeldSign({ hold }: { hold: Schemas["Hold"] }) {
  const why = whyHeld(hold);
  return (
    <Tooltip label={why || words.held} multiline maw={360}>
      <Badge color={toneColor.bad} variant="light" radius="sm" size="sm" tt="none" fw={600} miw="max-content">
        {words.title}
        {why && <VisuallyHidden>: {why}</VisuallyHidden>}
      </Badge>
    </Tooltip>
  );
}
