import { Center } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { notifications } from "@mantine/notifications";
import { useEffect, useState } from "react";
import { useSearchParams } from "react-router";

import { Shell } from "../shell/shell";
import { texts } from "../texts";
import { Loading } from "../ui/loading";
import { ProblemAlert } from "../ui/problem-alert";
import { againQuery, SignedInAgain, SignInAgain } from "./sign-in-again";
import { sessionChannel, SessionContext, SessionEndedContext, sessionQuery, type Session } from "./session";
import { SignIn } from "./sign-in";

/** How often a page whose session has ended looks whether there is one again, in milliseconds. */
const look = 2_000;

/** How often a page that is looked at asks whether its session still counts, in milliseconds: some ask for nothing else. */
const still = 15_000;

/**
 * Shows the console to who is signed in, and the ways in to everybody else, at the page's own address. A page whose session
 * ends stays as it is, below the question to sign in again: what was changed on it is not lost. For another person it is loaded
 * anew: nothing of it stays in memory.
 */
export function SignedIn() {
  const queries = useQueryClient();
  const [last, setLast] = useState<Session>(); // whom the page was drawn for
  const session = useQuery({
    ...sessionQuery,
    refetchInterval: (query) => (query.state.data === null && last !== undefined ? look : last !== undefined && still),
  });
  const another = session.data && last && personOf(session.data) !== personOf(last);
  if (session.data && session.data !== last && !another) setLast(session.data);
  useEndedElsewhere();
  useEffect(() => { if (another) location.reload(); }, [another]);
  const ended = session.data === null && last !== undefined;
  useEffect(() => {
    if (last !== undefined && !ended) void queries.invalidateQueries({ predicate: (query) => query.state.status === "error" });
  }, [queries, last, ended]);
  useEffect(() => {
    if (ended) return () => { notifications.show({ message: texts.session.goOn, color: "pine" }); };
    return undefined;
  }, [ended]);
  const again = useSearchParams()[0].has(againQuery);
  const person = session.data ?? last;
  if (another) return <Loading />; // what the one before was shown is not for them, nor what they typed
  if (person && again) return <SignedInAgain />;
  if (person) {
    return (
      <SessionContext value={person}>
        <SessionEndedContext value={ended}>
          <Shell />
          <SignInAgain opened={ended} />
        </SessionEndedContext>
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

const personOf = ({ tenant, user }: Session) => `${tenant}/${user}`;

// Signing out in one tab ends the session of all of them.
function useEndedElsewhere(): void {
  const queries = useQueryClient();
  useEffect(() => {
    const channel = new BroadcastChannel(sessionChannel);
    channel.onmessage = () => void queries.invalidateQueries({ queryKey: sessionQuery.queryKey });
    return () => { channel.close(); };
  }, [queries]);
}
