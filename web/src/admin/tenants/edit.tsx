import { Anchor, Stack } from "@mantine/core";
import { Link, useNavigate } from "react-router";

import type { Schemas } from "../../api/client";
import { kindOf, type Noun } from "../../api/objects";
import { ApprovalField } from "../../object/approval-field";
import { DeleteButton } from "../../object/delete";
import { ObjectEditor } from "../../object/editor";
import { TextField } from "../../object/fields";
import { useEdited } from "../../object/use-edited";
import { addressOf, useAddress, useName } from "../../shell/place";
import { texts } from "../../texts";
import { Page } from "../../ui/page";

const words = texts.admin.tenants;

// What is in a tenant and keeps it from being deleted; its own key manager goes with it.
const inside = (Object.keys(kindOf) as Noun[]).filter((noun) => noun !== "tenants");

/** Makes a tenant, with an authorization server of its own. */
export function NewTenant() {
  const to = useAddress();
  return (
    <Page title={words.add} lead={words.addLead} above={[{ to: to("admin", "tenants"), label: words.title }]}>
      <Edit base={{ object: { metadata: { name: "" }, spec: {} } }} />
    </Page>
  );
}

/** Changes a tenant's settings. */
export function EditTenant() {
  const to = useAddress();
  const name = useName();
  const stored = useEdited("tenants", name);
  return (
    <Page
      title={stored.object.spec.displayName ?? name}
      lead={<Anchor component={Link} to={addressOf(name)}>{words.go}</Anchor>}
      above={[{ to: to("admin", "tenants"), label: words.title }]}
      actions={
        name !== "default" && (
          <DeleteButton
            noun="tenants"
            stored={stored}
            list={to("admin", "tenants")}
            lead={words.deleteLead}
            users={inside.map((noun) => ({ noun, tenant: name }))}
          />
        )
      }
    >
      <Edit base={stored} />
    </Page>
  );
}

function Edit({ base }: { base: { object: Schemas["Tenant"]; etag?: string } }) {
  const to = useAddress();
  const navigate = useNavigate();
  const back = () => void navigate(to("admin", "tenants"));
  return (
    <ObjectEditor
      noun="tenants"
      base={base}
      done={back}
      cancel={back}
      form={(draft) => (
        <Stack maw={620}>
          <TextField draft={draft} path={["metadata", "name"]} help={texts.common.nameHelp} required fixed={base.etag !== undefined} />
          <TextField draft={draft} path={["spec", "displayName"]} />
          <ApprovalField
            draft={draft}
            path={["spec", "keys", "approval"]}
            options={[{ value: "auto", label: words.auto }, { value: "manual", label: words.manual }]}
            unsaid="auto"
            help={words.approvalHelp}
          />
        </Stack>
      )}
    />
  );
}
