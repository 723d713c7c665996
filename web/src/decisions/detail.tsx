import { useQuery } from "@tanstack/react-query";
import { useLocation } from "react-router";

import { callOf, decisionQuery } from "../api/decisions";
import { isProblem } from "../api/problem";
import { useAddress, useArea, useName, useTenant } from "../shell/place";
import { texts } from "../texts";
import { DecisionView } from "../ui/decision-view";
import { Empty } from "../ui/empty";
import { Loading } from "../ui/loading";
import { Page } from "../ui/page";
import { ProblemAlert } from "../ui/problem-alert";

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
      {isProblem(found.error, "not_found") ? (
        <Empty icon="eye" title={words.gone(id)}>{words.goneLead}</Empty>
      ) : (
        found.error && <ProblemAlert error={found.error} again={() => void found.refetch()} />
      )}
    </Page>
  );
}
