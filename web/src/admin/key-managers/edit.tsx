import { usePrefetchQuery } from "@tanstack/react-query";
import { useNavigate } from "react-router";

import { typesQuery } from "../../api/key-managers";
import { ObjectEditor } from "../../object/editor";
import { useEdited } from "../../object/use-edited";
import { useAddress, useName, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Page } from "../../ui/page";
import { KeyManagerForm } from "./form";
import { tried } from "./tried";

/** Changes a key manager; what was changed can be tried against the server before it is saved. */
export function EditKeyManager() {
  const tenant = useTenant();
  const name = useName();
  const to = useAddress();
  const navigate = useNavigate();
  usePrefetchQuery(typesQuery(tenant)); // the form needs them: asked for at once, not one after the other
  const stored = useEdited("key-managers", name);
  const back = () => void navigate(to("admin", "key-managers", name));
  return (
    <Page
      title={texts.common.editTitle(name)}
      above={[
        { to: to("admin", "key-managers"), label: texts.admin.nav.keyManagers },
        { to: to("admin", "key-managers", name), label: name },
      ]}
    >
      <ObjectEditor
        noun="key-managers"
        base={stored}
        done={back}
        cancel={back}
        form={(draft) => <KeyManagerForm draft={draft} isNew={false} metadata={stored.object.status} />}
        beside={tried}
      />
    </Page>
  );
}
