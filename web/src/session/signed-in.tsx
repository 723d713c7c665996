import { Center } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { Shell } from "../shell/shell";
import { Loading } from "../ui/loading";
import { ProblemAlert } from "../ui/problem";
import { SessionContext, sessionQuery } from "./session";
import { SignIn } from "./sign-in";

/** Shows the console to who is signed in, and the ways in to everybody else, at the page's own address. */
export function SignedIn() {
  const session = useQuery(sessionQuery);
  if (session.data) {
    return (
      <SessionContext value={session.data}>
        <Shell />
      </SessionContext>
    );
  }
  if (session.data === null) return <SignIn />;
  if (session.error) {
    return (
      <Center mih="100vh" p="md">
        <ProblemAlert error={session.error} again={() => void session.refetch()} />
      </Center>
    );
  }
  return <Loading />;
}
