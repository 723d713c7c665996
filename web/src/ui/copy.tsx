import { ActionIcon, Button, CopyButton, Tooltip, VisuallyHidden } from "@mantine/core";

import { texts } from "../texts";
import { Icon } from "./icon";

interface Props {
  value: string;
  label: string;
}

/** Copies a value; what it is, is said to screen readers. */
export function Copy({ value, label }: Props) {
  return (
    <CopyButton value={value} timeout={1500}>
      {({ copied, copy }) => (
        <>
          <Tooltip label={copied ? texts.copy.done : label}>
            <ActionIcon size={24} variant="subtle" color={copied ? "pine" : "gray"} aria-label={label} onClick={copy}>
              <Icon name={copied ? "check" : "copy"} size={16} />
            </ActionIcon>
          </Tooltip>
          <VisuallyHidden role="status">{copied && texts.copy.done}</VisuallyHidden>
        </>
      )}
    </CopyButton>
  );
}

/** The same as a button with words. */
export function CopyWords({ value, label }: Props) {
  return (
    <CopyButton value={value} timeout={1500}>
      {({ copied, copy }) => (
        <Button size="compact-xs" variant="subtle" color="gray" leftSection={<Icon name={copied ? "check" : "copy"} size={14} />} onClick={copy}>
          {copied ? texts.copy.done : label}
        </Button>
      )}
    </CopyButton>
  );
}
