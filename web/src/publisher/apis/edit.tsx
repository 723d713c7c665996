import { useNavigate } from "react-router";

import { ObjectEditor } from "../../object/editor";
import { useEdited } from "../../object/use-edited";
import { useAddress, useName } from "../../shell/place";
import { texts } from "../../texts";
import { Page } from "../../ui/page";
import { APIForm } from "./form";
import { Preview } from "./preview";

/** Changes an API; what would change can be looked at before it is saved. */
export function EditAPI() {
  const name = useName();
  const to = useAddress();
  const navigate = useNavigate();
  const stored = useEdited("apis", name);
  const back = () => void navigate(to("publisher", "apis", name));
  return (
    <Page
      title={texts.common.editTitle(name)}
      above={[
        { to: to("publisher", "apis"), label: texts.publisher.nav.apis },
        { to: to("publisher", "apis", name), label: name },
      ]}
    >
      <ObjectEditor
        noun="apis"
        base={stored}
        done={back}
        cancel={back}
        form={(draft) => <APIForm draft={draft} isNew={false} />}
        before={(draft, now) => <Preview draft={draft} stored={now} />}
      />
    </Page>
  );
}
