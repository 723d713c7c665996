import type { TextareaProps } from "@mantine/core";
import { useState } from "react";

import { texts } from "../texts";
import { CodeArea } from "../ui/code-area";
import { privateLine } from "./private";

interface Props extends Omit<TextareaProps, "onChange"> {
  change: (text: string) => void;
}

/**
 * A field for what is public: keys and certificates. A text with a private key is not taken at all, not even into memory: the
 * field stays as it was and says why.
 */
export function PublicArea({ change, error, ...field }: Props) {
  const [refused, setRefused] = useState<number>();
  return (
    <CodeArea
      {...field}
      error={refused === undefined ? error : texts.editor.privateKey(refused)}
      onChange={(event) => {
        const line = privateLine(event.currentTarget.value);
        setRefused(line);
        if (line === undefined) change(event.currentTarget.value);
      }}
    />
  );
}
