import { useCallback, useRef, type RefObject } from "react";
import { useBeforeUnload } from "react-router";

import { useSessionEnded } from "./session";

/**
 * Whether the browser was sent on from a page whose session had ended, to sign in in the same tab. Until the next document is
 * there this page may see that there is a session again: what it kept is for that document, and stays.
 */
export function useSentOn(): RefObject<boolean> {
  const ended = useSessionEnded();
  const sentOn = useRef(false);
  useBeforeUnload(useCallback(() => { if (ended) sentOn.current = true; }, [ended]));
  return sentOn;
}
