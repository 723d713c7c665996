import { Button, Center, Stack } from "@mantine/core";
import { useRouteError } from "react-router";

import { texts } from "../texts";
import { ProblemAlert } from "../ui/problem";

/** What is left of a page whose code failed, or whose files are gone because the server was updated. */
export function Crash() {
  const error = useRouteError();
  return (
    <Center mih="60vh" p="md">
      <Stack>
        <ProblemAlert error={error} title={texts.crash.title} />
        <Button onClick={() => { location.reload(); }}>{texts.crash.reload}</Button>
      </Stack>
    </Center>
  );
}
