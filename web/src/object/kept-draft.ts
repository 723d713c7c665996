import { useEffect, useState } from "react";
import { useLocation } from "react-router";

import { declared, type Noun, type Nouns } from "../api/objects";
import { useSentOn } from "../session/sent-on";
import { useSession, useSessionEnded } from "../session/session";
import { withoutTyped } from "./secrets";

/** A draft that outlived its session: what was changed, and the version that it is a change of. */
export interface KeptDraft<N extends Noun> {
  base: { object: Nouns[N]; etag?: string };
  object: Nouns[N];
  /** Something was typed where secrets go; it is not kept. */
  lacksSecrets: boolean;
}

// One draft per page and person, in this tab alone.
function useKey(noun: Noun): string {
  const { user, tenant } = useSession();
  const { pathname } = useLocation();
  return ["keyward-draft", tenant, user, noun, pathname].join(" ");
}

/** The draft that was kept for this page when the session before ended, if there was one. */
export function useKeptDraft<N extends Noun>(noun: N): KeptDraft<N> | undefined {
  const key = useKey(noun);
  const [kept] = useState(() => {
    const text = sessionStorage.getItem(key);
    return text === null ? undefined : (JSON.parse(text) as KeptDraft<N>);
  });
  return kept;
}

/**
 * Keeps a draft while the session is over, so that it is there again after signing in: without what was typed where secrets
 * go. With a session nothing is kept but in memory.
 */
export function useKeepDraft<N extends Noun>(noun: N, base: { object: Nouns[N]; etag?: string }, object: Nouns[N], changed: boolean): void {
  const key = useKey(noun);
  const ended = useSessionEnded();
  const sentOn = useSentOn();
  useEffect(() => {
    if (!ended || !changed) {
      if (!sentOn.current) sessionStorage.removeItem(key);
      return;
    }
    const bare = withoutTyped(noun, object, declared(noun, base.object) as Nouns[N]);
    const kept: KeptDraft<N> = { base, object: bare, lacksSecrets: JSON.stringify(bare) !== JSON.stringify(object) };
    try {
      sessionStorage.setItem(key, JSON.stringify(kept));
    } catch {
      sessionStorage.removeItem(key); // larger than a browser keeps: it is there as long as the page is
    }
  }, [key, ended, noun, base, object, changed, sentOn]);
}
