import { Textarea, type TextareaProps } from "@mantine/core";

import classes from "./code-area.module.css";

/** A field for several lines that programs read: it grows with them, and nobody corrects their spelling. */
export function CodeArea(props: TextareaProps) {
  return <Textarea autosize spellCheck={false} autoComplete="off" classNames={{ input: classes.input }} {...props} />;
}
