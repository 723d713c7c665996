import { Textarea, type TextareaProps } from "@mantine/core";

import classes from "./code-area.module.css";

/** A field for several lines that programs read: it grows with them, and nobody corrects their spelling. What is secret is seen while it has the focus. */
export function CodeArea({ secret = false, ...props }: TextareaProps & { secret?: boolean }) {
  const input = secret ? `${classes.input} ${classes.secret}` : classes.input;
  return <Textarea autosize spellCheck={false} autoComplete="off" classNames={{ input }} {...props} />;
}
