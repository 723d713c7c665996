import { useNavigate, useSearchParams } from "react-router";

import { objectName } from "../../api/objects";
import { ObjectEditor } from "../../object/editor";
import { useSession } from "../../session/session";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { Page } from "../../ui/page";
import { ApplicationForm } from "./form";

/**
 * Makes an application, which belongs to whoever makes it until they say otherwise. Who comes from an API goes on to the
 * subscription to it.
 */
export function NewApplication() {
  const to = useAddress();
  const navigate = useNavigate();
  const { user } = useSession();
  const api = useSearchParams()[0].get("api");
  return (
    <Page
      title={texts.developer.applications.add}
      lead={texts.developer.applications.addLead}
      above={[{ to: to("developer", "applications"), label: texts.developer.nav.applications }]}
    >
      <ObjectEditor
        noun="applications"
        base={{ object: { metadata: { name: "" }, spec: { owners: [user] } } }}
        done={(stored) => {
          const made = ["developer", "applications", objectName(stored)];
          void navigate(api === null ? to(...made, "keys") : `${to(...made, "subscriptions")}?${new URLSearchParams({ api }).toString()}`);
        }}
        cancel={() => void navigate(api === null ? to("developer", "applications") : to("developer", "apis", api))}
        form={(draft) => <ApplicationForm draft={draft} isNew />}
      />
    </Page>
  );
}
