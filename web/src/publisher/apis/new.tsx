import { useNavigate } from "react-router";

import type { Nouns } from "../../api/objects";
import { ObjectEditor } from "../../object/editor";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { Page } from "../../ui/page";
import { APIForm } from "./form";
import { Preview } from "./preview";

const empty: Nouns["apis"] = {
  metadata: { name: "" },
  spec: { context: "", version: "v1", state: "draft", upstream: {}, keyManagers: [], operations: [{ method: "GET", path: "/" }] },
};

/** Makes an API. It begins as a draft, which no gateway has. */
export function NewAPI() {
  const to = useAddress();
  const navigate = useNavigate();
  return (
    <Page
      title={texts.publisher.apis.add}
      lead={texts.publisher.apis.addLead}
      above={[{ to: to("publisher", "apis"), label: texts.publisher.nav.apis }]}
    >
      <ObjectEditor
        noun="apis"
        base={{ object: empty }}
        done={(stored) => void navigate(to("publisher", "apis", stored.metadata?.name ?? ""))}
        cancel={() => void navigate(to("publisher", "apis"))}
        form={(draft) => <APIForm draft={draft} isNew />}
        before={(draft) => <Preview draft={draft} />}
      />
    </Page>
  );
}
