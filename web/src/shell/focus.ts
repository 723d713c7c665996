import { useEffect } from "react";

/** How long a page has to put the focus somewhere by itself, in milliseconds. */
const grace = 80;

// What can have the focus of what somebody reads or writes, beginning where it was.
const regions = '[role="dialog"], [role="tabpanel"], section, article, main';

/**
 * Keeps the focus from getting lost. A button that is busy cannot have it, and what somebody chose may go away with what they
 * did: a browser then begins anew at the top of the page. Here the button has it again when it is done, and else the
 * nearest part of the page that is still there.
 */
export function useFocusKept(): void {
  useEffect(() => {
    let last: HTMLElement | undefined;
    let around: HTMLElement[] = [];
    let timer = 0;
    const lost = () => document.activeElement === null || document.activeElement === document.body;
    const note = (event: FocusEvent) => {
      if (!(event.target instanceof HTMLElement)) return;
      last = event.target;
      around = regionsAround(last);
    };
    const left = (event: PointerEvent) => { // whoever points at nothing in particular means it
      if (event.target instanceof Element && event.target.closest("a, button, input, textarea, select, label, [tabindex]") === null) last = undefined;
    };
    const mend = () => {
      if (last === undefined || !lost() || !document.hasFocus()) return;
      if (last.isConnected && last.dataset.loading === "true") return; // it is busy, and has it again afterwards
      const next = last.isConnected && !last.matches(":disabled") ? last : around.find((region) => region.isConnected);
      if (next === undefined) return;
      if (next !== last && !next.hasAttribute("tabindex")) next.setAttribute("tabindex", "-1");
      next.focus({ preventScroll: true });
    };
    const observer = new MutationObserver(() => {
      if (last === undefined) return;
      clearTimeout(timer);
      timer = window.setTimeout(mend, grace);
    });
    document.addEventListener("focusin", note);
    document.addEventListener("pointerdown", left);
    observer.observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["disabled"] });
    return () => {
      clearTimeout(timer);
      document.removeEventListener("focusin", note);
      document.removeEventListener("pointerdown", left);
      observer.disconnect();
    };
  }, []);
}

// The parts of the page that an element is in, the nearest first. A dialog is a part of the page that it lies over.
function regionsAround(element: HTMLElement): HTMLElement[] {
  const found: HTMLElement[] = [];
  for (let at = element.closest<HTMLElement>(regions); at; at = at.parentElement?.closest<HTMLElement>(regions) ?? null) found.push(at);
  const page = document.querySelector<HTMLElement>("main h1");
  if (page && !found.includes(page)) found.push(page);
  return found;
}
