import { Skeleton, Stack } from "@mantine/core";

/** Keeps the place of a page that is on its way. */
export function Loading() {
  return (
    <Stack maw={1180} mx="auto" aria-busy="true">
      <Skeleton height={34} width={260} />
      <Skeleton height={18} width={420} />
      <Skeleton height={320} />
    </Stack>
  );
}
