import { useSuspenseQuery } from "@tanstack/react-query";
import { useLocation } from "react-router";

import { decisionQuery } from "../../api/decisions";
import { Decision } from "../../ui/decision";
import { useAddress, useName, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Page } from "../../ui/page";

const words = texts.admin.decisions;

/** One decision with its steps. The way back leads to the list as it was narrowed. */
export function DecisionPage() {
  const to = useAddress();
  const { search = "" } = (useLocation().state as { search?: string } | null) ?? {};
  const { data: decision } = useSuspenseQuery(decisionQuery(useTenant(), useName()));
  return (
    <Page title={words.one} above={[{ to: to("admin", "decisions") + search, label: words.title }]}>
      <Decision decision={decision} />
    </Page>
  );
}
