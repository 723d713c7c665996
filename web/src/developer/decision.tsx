import { useSuspenseQuery } from "@tanstack/react-query";

import { callOf, decisionQuery } from "../api/decisions";
import { DecisionView } from "../ui/decision-view";
import { useAddress, useName, useTenant } from "../shell/place";
import { texts } from "../texts";
import { Page } from "../ui/page";

/** One decision about a call of an application of one's own, as far as its developers may know. */
export function DecisionPage() {
  const to = useAddress();
  const { data: decision } = useSuspenseQuery(decisionQuery(useTenant(), useName()));
  const application = decision.application ?? "";
  return (
    <Page
      title={callOf(decision)}
      above={[
        { to: to("developer", "applications"), label: texts.developer.nav.applications },
        ...(application ? [{ to: to("developer", "applications", application, "calls"), label: application }] : []),
      ]}
    >
      <DecisionView decision={decision} />
    </Page>
  );
}
