import { Input, Select, SimpleGrid, Stack, Text } from "@mantine/core";

import type { Draft } from "./draft";
import { labelOf, Shown } from "./fields";

interface Props<N extends "key-managers" | "tenants"> {
  draft: Draft<N>;
  path: string[];
  options: { value: string; label: string }[];
  /** Which of the options a manifest that says nothing means. */
  unsaid: string;
  help?: string;
}

const environments = ["production", "sandbox"];

/** Whether keys await an approval. A manifest has one word for both environments, or one for each. */
export function ApprovalField<N extends "key-managers" | "tenants">({ draft, path, options, unsaid, help }: Props<N>) {
  const stored = draft.at(...path);
  const by = (typeof stored === "string" ? { production: stored, sandbox: stored } : (stored ?? {})) as Record<string, string | undefined>;
  const fault = draft.fault(...path);
  const put = (environment: string, mode: string | null) => {
    const said = Object.entries({ ...by, [environment]: mode ?? unsaid }).filter(([, m]) => m !== undefined && m !== unsaid);
    draft.put(said.length > 0 ? Object.fromEntries(said) : undefined, ...path);
  };
  return (
    <Stack gap={4}>
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        {environments.map((environment) => {
          const label = labelOf({ path: [...path, environment] });
          const mode = by[environment] ?? unsaid;
          return draft.fixed ? (
            <Shown key={environment} label={label}>{options.find((o) => o.value === mode)?.label}</Shown>
          ) : (
            <Select
              key={environment}
              label={label}
              data-path={[...path, environment].join(".")}
              data={options}
              value={mode}
              allowDeselect={false}
              onChange={(chosen) => { put(environment, chosen); }}
            />
          );
        })}
      </SimpleGrid>
      {help && <Text size="xs" c="dimmed">{help}</Text>}
      {fault && <Input.Error>{fault}</Input.Error>}
    </Stack>
  );
}
