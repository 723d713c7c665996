import { useNavigate } from "react-router";

import { objectName } from "../../api/objects";
import { ObjectEditor } from "../../object/editor";
import { useSession } from "../../session/session";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { Page } from "../../ui/page";
import { ApplicationForm } from "./form";

/** Makes an application, which belongs to whoever makes it until they say otherwise. */
export function NewApplication() {
  const to = useAddress();
  const navigate = useNavigate();
  const { user } = useSession();
  return (
    <Page
      title={texts.developer.applications.add}
      lead={texts.developer.applications.addLead}
      above={[{ to: to("developer", "applications"), label: texts.developer.nav.applications }]}
    >
      <ObjectEditor
        noun="applications"
        base={{ object: { metadata: { name: "" }, spec: { owners: [user] } } }}
        done={(stored) => void navigate(to("developer", "applications", objectName(stored), "keys"))}
        cancel={() => void navigate(to("developer", "applications"))}
        form={(draft) => <ApplicationForm draft={draft} isNew />}
      />
    </Page>
  );
}
