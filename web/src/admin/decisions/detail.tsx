import { useSuspenseQuery } from "@tanstack/react-query";

import { decisionQuery } from "../../api/decisions";
import { Decision } from "../../ui/decision";
import { useAddress, useName, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Page } from "../../ui/page";

const words = texts.admin.decisions;

/** One decision with its steps. */
export function DecisionPage() {
  const to = useAddress();
  const { data: decision } = useSuspenseQuery(decisionQuery(useTenant(), useName()));
  return (
    <Page title={words.one} above={[{ to: to("admin", "decisions"), label: words.title }]}>
      <Decision decision={decision} />
    </Page>
  );
}
