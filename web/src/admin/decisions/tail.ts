import { useCallback, useEffect, useRef, useState } from "react";

import type { Decision } from "../../api/decisions";

/** How far a page is scrolled before what is on it stays where it is, in pixels. */
const scrolled = 120;

/**
 * What a live list shows. While somebody points at it, is in it with the keyboard or has scrolled down, it stays as it is:
 * a row that is read or clicked does not run away. What came meanwhile is counted, and shown when they are done.
 */
export function useTail(newest: Decision[] | undefined) {
  const [kept, keep] = useState<Decision[]>();
  const pointed = useRef(false);
  const focused = useRef(false);
  const latest = useRef(newest);
  useEffect(() => { latest.current = newest; }, [newest]);
  const settle = useCallback(() => {
    const reading = pointed.current || focused.current || window.scrollY > scrolled;
    keep((old) => (reading ? (old ?? latest.current) : undefined));
  }, []);
  useEffect(() => {
    window.addEventListener("scroll", settle, { passive: true });
    return () => { window.removeEventListener("scroll", settle); };
  }, [settle]);
  const known = new Set(kept?.map((d) => d.decision));
  return {
    rows: kept ?? newest,
    paused: kept !== undefined,
    waiting: kept === undefined ? 0 : (newest ?? []).filter((d) => !known.has(d.decision)).length,
    /** Shows what is new, and goes on from there. */
    resume: () => {
      window.scrollTo({ top: 0 });
      pointed.current = false;
      focused.current = false;
      keep(undefined);
    },
    /** Of the element around the list. */
    reading: {
      onMouseEnter: () => { pointed.current = true; settle(); },
      onMouseLeave: () => { pointed.current = false; settle(); },
      onFocus: () => { focused.current = true; settle(); },
      onBlur: (event: React.FocusEvent) => {
        focused.current = event.currentTarget.contains(event.relatedTarget);
        settle();
      },
    },
  };
}
