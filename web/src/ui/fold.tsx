import { Stack, Text } from "@mantine/core";
import { useState, type ReactNode } from "react";

import classes from "./fold.module.css";

/** What few need, folded away until somebody asks for it. What is in use, or wrong, is never hidden. path: of what the manifest has all of it in. */
export function Fold({ label, path, inUse, children }: { label: string; path?: string; inUse: boolean; children: ReactNode }) {
  const [opened, setOpened] = useState(false);
  return (
    <details
      {...(path && { "data-path": path, "data-label": label })}
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
