import { Button, Center, Stack } from "@mantine/core";
import { useRouteError } from "react-router";

import { ProblemError } from "../api/problem";
import { texts } from "../texts";
import { ProblemAlert } from "../ui/problem-alert";
import { Missing, Refused } from "./missing";

/** What is left of a page whose code failed, or whose files are gone because the server was updated. */
export function Crash() {
  const error = useRouteError();
  if (error instanceof ProblemError && error.status === 404) return <Missing said={error.message} />;
  if (error instanceof ProblemError && error.status === 403) return <Refused said={error.message} />;
  return (
    <Center mih="60vh" p="md">
      <Stack>
        <ProblemAlert error={error} title={texts.crash.title} />
        <Button onClick={() => { location.reload(); }}>{texts.crash.reload}</Button>
      </Stack>
    </Center>
  );
}
