import { useQuery } from "@tanstack/react-query";
import { useLocation } from "react-router";

import { callOf, decisionQuery } from "../api/decisions";
import { useAddress, useArea, useName, useTenant } from "../shell/place";
import { texts } from "../texts";
import { DecisionMissing } from "../ui/decision-missing";
import { DecisionView } from "../ui/decision-view";
import { Loading } from "../ui/loading";
import { Page } from "../ui/page";

const words = texts.admin.decisions;

/** One decision with its steps. The way back leads to the list as it was narrowed. */
export function DecisionPage() {
  const to = useAddress();
  const area = useArea();
  const id = useName();
  const { search = "" } = (useLocation().state as { search?: string } | null) ?? {};
  const found = useQuery(decisionQuery(useTenant(), id));
  if (found.isPending) return <Loading />;
  return (
    <Page title={found.data ? callOf(found.data) : words.one} above={[{ to: to(area, "decisions") + search, label: words.title }]}>
      {found.data && <DecisionView decision={found.data} />}
      <DecisionMissing id={id} error={found.error} lead={words.goneLead} again={() => void found.refetch()} />
    </Page>
  );
}
