import { useQuery } from "@tanstack/react-query";

import { callOf, decisionQuery } from "../api/decisions";
import { DecisionView } from "../ui/decision-view";
import { useAddress, useName, useTenant } from "../shell/place";
import { texts } from "../texts";
import { DecisionMissing } from "../ui/decision-missing";
import { Loading } from "../ui/loading";
import { Page } from "../ui/page";

const words = texts.developer.calls;

/** One decision about a call of an application of one's own, as far as its developers may know. */
export function DecisionPage() {
  const to = useAddress();
  const id = useName();
  const found = useQuery(decisionQuery(useTenant(), id));
  if (found.isPending) return <Loading />;
  const application = found.data?.application ?? "";
  return (
    <Page
      title={found.data ? callOf(found.data) : texts.admin.decisions.one}
      above={[
        { to: to("developer", "applications"), label: texts.developer.nav.applications },
        ...(application ? [{ to: to("developer", "applications", application, "calls"), label: application }] : []),
      ]}
    >
      {found.data && <DecisionView decision={found.data} next={words.nextOf[found.data.code]} />}
      <DecisionMissing id={id} error={found.error} lead={words.goneLead} again={() => void found.refetch()} />
    </Page>
  );
}
