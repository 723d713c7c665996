import { notifications } from "@mantine/notifications";
import { useEffect, useState, type Dispatch, type SetStateAction } from "react";
import { useLocation } from "react-router";

import { texts } from "../texts";
import { useSentOn } from "./sent-on";
import { useSession, useSessionEnded } from "./session";

/** For how long what was kept is there when there is a session again, in milliseconds. */
const outlives = 2_000;

/**
 * useState for what people type or choose outside an object's editor. It is kept while the session is over, for one page and
 * person, in this tab alone, so that it is there again for who signs in here. what tells it from others on the page. Never
 * for a secret: those are in memory alone, and go on only for who signs in in another window.
 */
export function useTyped<T>(what: string, initial: T): [T, Dispatch<SetStateAction<T>>] {
  const { user, tenant } = useSession();
  const { pathname } = useLocation();
  const ended = useSessionEnded();
  const sentOn = useSentOn();
  const key = ["keyward-typed", tenant, user, pathname, what].join(" ");
  const [kept] = useState(() => sessionStorage.getItem(key));
  const [typed, set] = useState<T>(() => (kept === null ? initial : (JSON.parse(kept) as T)));
  useEffect(() => {
    // Not while it is drawn: what is shown elsewhere would have a page that waits for its data drawn from the beginning again.
    if (kept !== null) notifications.show({ id: "keyward-typed", message: texts.session.typed });
  }, [kept]);
  const [untouched] = useState(initial);
  const text = JSON.stringify(typed);
  const changed = text !== JSON.stringify(untouched);
  useEffect(() => {
    if (!ended || !changed) {
      // Not at once: what is drawn anew begins from it again, as within something that unfolds where motion is not wanted.
      const over = setTimeout(() => { if (!sentOn.current) sessionStorage.removeItem(key); }, outlives);
      return () => { clearTimeout(over); };
    }
    try {
      sessionStorage.setItem(key, text);
    } catch {
      sessionStorage.removeItem(key); // larger than a browser keeps: it is there as long as the page is
    }
    return undefined;
  }, [key, ended, changed, text, sentOn]);
  return [typed, set];
}

/** Whether a dialog is open, kept in the same way as what is typed in it. */
export function useOpened(what: string, initial = false): [opened: boolean, to: { open: () => void; close: () => void }] {
  const [opened, set] = useTyped(what, initial);
  return [opened, { open: () => { set(true); }, close: () => { set(false); } }];
}
