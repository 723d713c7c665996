import { Text } from "@mantine/core";
import type { ReactNode } from "react";

import { Breaking } from "./breaking";

import classes from "./facts.module.css";

/** What is known of something, as pairs of a name and a value. Pairs without a value are left out. */
export function Facts({ rows }: { rows: [name: string, value: ReactNode][] }) {
  const known = rows.filter(([, value]) => value !== undefined && value !== null && value !== false && value !== "");
  return (
    <dl className={classes.list}>
      {known.map(([name, value]) => (
        <div key={name} className={classes.row}>
          <Text component="dt" size="sm" c="dimmed">{name}</Text>
          <Text component="dd" size="sm" m={0} style={{ overflowWrap: "anywhere" }}>{typeof value === "string" ? <Breaking>{value}</Breaking> : value}</Text>
        </div>
      ))}
    </dl>
  );
}
