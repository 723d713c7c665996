import { Stack, Text } from "@mantine/core";
import { useState, type ReactNode } from "react";

import classes from "./fold.module.css";

/** What few need, folded away until somebody asks for it. What is in use, or wrong, is never hidden. */
export function Fold({ label, inUse, children }: { label: string; inUse: boolean; children: ReactNode }) {
  const [opened, setOpened] = useState(false);
  return (
    <details
      open={opened || inUse}
      onToggle={(event) => {
        if (inUse) event.currentTarget.open = true; // the browser has closed it by itself
        setOpened(event.currentTarget.open);
      }}
    >
      <Text component="summary" size="sm" className={classes.fold}>{label}</Text>
      <Stack gap="sm" pt="xs">{children}</Stack>
    </details>
  );
}
