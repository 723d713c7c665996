import { useDebouncedValue } from "@mantine/hooks";
import { useState } from "react";

/**
 * What somebody types to find something, and what of it the server is asked for: a moment later. A field shows what is
 * chosen as its text; that is settled, and not looked for.
 */
export function useSearchText(settled: string[] = []) {
  const [search, setSearch] = useState("");
  const [typed] = useDebouncedValue(search, 200);
  return { search, setSearch, asked: settled.includes(typed) ? "" : typed };
}
