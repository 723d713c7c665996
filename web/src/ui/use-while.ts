import { useEffect, useRef } from "react";

/** Does something again and again, every so many milliseconds, while it is wanted. */
export function useWhile(wanted: boolean, period: number, run: () => unknown): void {
  const latest = useRef(run);
  useEffect(() => { latest.current = run; });
  useEffect(() => {
    if (!wanted) return undefined;
    const timer = setInterval(() => { latest.current(); }, period);
    return () => { clearInterval(timer); };
  }, [wanted, period]);
}
