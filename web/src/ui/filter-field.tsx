import { Autocomplete } from "@mantine/core";
import { useState } from "react";

interface Props {
  label: string;
  placeholder: string;
  value: string;
  offered?: string[];
  change: (value: string) => void;
}

/** Narrows a list when a value is chosen, or typed and left: not with each letter, for half a name is no name. */
export function FilterField({ label, placeholder, value, offered = [], change }: Props) {
  const [typed, setTyped] = useState(value);
  const done = (text: string) => { if (text.trim() !== value) change(text.trim()); };
  return (
    <Autocomplete
      size="xs"
      w={{ base: "calc(50% - 6px)", sm: 126 }}
      label={label}
      placeholder={placeholder}
      data={offered}
      value={typed}
      onChange={setTyped}
      onOptionSubmit={done}
      onBlur={() => { done(typed); }}
      onKeyDown={(event) => { if (event.key === "Enter") done(typed); }}
      spellCheck={false}
      autoComplete="off"
    />
  );
}
