import { useEffect, useState } from "react";

import type { Decision, Tail } from "../api/decisions";

/** How far a page is scrolled before what is on it stays where it is, in pixels. */
const scrolled = 120;

/**
 * What a live list shows. While it is stopped, or somebody points at it, is in it with the keyboard or has scrolled down, it
 * stays as it is: a row that is read or clicked does not run away. What came meanwhile is counted, and shown when they are done.
 */
export function useTail(tail: Tail | undefined, stopped: boolean) {
  const [kept, keep] = useState<Tail>();
  const reading = useReading();
  const still = stopped || reading.reads;
  if (still && kept === undefined && tail !== undefined) keep(tail);
  if (!still && kept !== undefined) keep(undefined);
  const shown: { rows: Decision[] | undefined; waiting: number } = {
    rows: (kept ?? tail)?.rows,
    waiting: kept === undefined || tail === undefined ? 0 : Math.max(0, tail.total - kept.total),
  };
  return {
    ...shown,
    still,
    /** Whether it goes on only when somebody says so: who moves the pointer away need not. */
    stays: still && !reading.pointed,
    /** Shows what is new, and goes on from there. */
    resume: () => {
      window.scrollTo({ top: 0 });
      reading.done();
      keep(undefined);
    },
    reading: reading.of,
  };
}

// Whether somebody reads an element: the handlers belong to it.
function useReading() {
  const [pointed, point] = useState(false);
  const [focused, focus] = useState(false);
  const [down, setDown] = useState(false);
  useEffect(() => {
    const look = () => { setDown(window.scrollY > scrolled); };
    window.addEventListener("scroll", look, { passive: true });
    return () => { window.removeEventListener("scroll", look); };
  }, []);
  return {
    pointed,
    reads: pointed || focused || down,
    done: () => {
      point(false);
      focus(false);
      setDown(false);
    },
    of: {
      onMouseEnter: () => { point(true); },
      onMouseLeave: () => { point(false); },
      onFocus: () => { focus(true); },
      onBlur: (event: React.FocusEvent) => { focus(event.currentTarget.contains(event.relatedTarget)); },
    },
  };
}
