import { Alert, Stack, Tabs, Text } from "@mantine/core";
import { useSuspenseQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useNavigate, useParams } from "react-router";

import { ownersOf } from "../../api/groups";
import { objectQuery, manifestSetOf } from "../../api/objects";
import { isProblem } from "../../api/problem";
import { ObjectEditor } from "../../object/editor";
import { administers } from "../../session/areas";
import { useSession } from "../../session/session";
import { Missing } from "../../shell/missing";
import { addressOf, useAddress, useName, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { CopyAsCode } from "../../ui/code-block";
import { HeldBanner, HoldButton } from "../../ui/hold";
import { Icon } from "../../ui/icon";
import { InForce } from "../../ui/in-force";
import { Page } from "../../ui/page";
import { Time } from "../../ui/time";
import { sayDone } from "../../ui/say-done";
import { Calls } from "./calls";
import { ApplicationForm } from "./form";
import { Keys } from "./keys/keys";
import { useKeyTabs } from "./keys/use-key-tabs";
import { Owners } from "./owners";
import { RemoveApplication } from "./remove";
import { Subscriptions } from "./subscriptions";
import { Unmanaged } from "./unmanaged";

const words = texts.developer.applications;
const tabs = ["keys", "subscriptions", "calls", "settings"] as const;

/** One application: its keys in every key manager, the APIs that it may call, and who manages it. */
export function ApplicationPage() {
  const tenant = useTenant();
  const name = useName();
  const to = useAddress();
  const navigate = useNavigate();
  const session = useSession();
  const chosen = useParams().tab ?? "keys";
  const { data: stored, error } = useSuspenseQuery({
    ...objectQuery(tenant, "applications", name),
    refetchInterval: (query) => query.state.data?.object.status?.deleting !== undefined && 5_000,
  });
  const application = stored.object;
  const gone = application.status?.deleting !== undefined && isProblem(error, "not_found");
  const said = useRef(false);
  useEffect(() => {
    if (!gone || said.current) return;
    said.current = true;
    sayDone({ tenant, message: texts.undo.deleted(name) });
    void navigate(addressOf(tenant, "developer", "applications"));
  }, [gone, tenant, name, navigate]);
  const [base] = useState(stored);
  const keyTabs = useKeyTabs(name);
  const home = () => void navigate(to("developer", "applications", name));
  if (!tabs.some((tab) => tab === chosen)) return <Missing />;
  return (
    <Page
      title={application.spec.displayName ?? name}
      lead={<>{words.ownedBy} <Owners names={ownersOf(application)} /></>}
      above={[{ to: to("developer", "applications"), label: texts.developer.nav.applications }]}
      beside={<InForce noun="applications" name={name} />}
      actions={
        <>
          <CopyAsCode noun="applications" object={application} />
          {administers(session) && !application.status?.hold && <HoldButton noun="applications" name={name} />}
        </>
      }
    >
      <HeldBanner hold={application.status?.hold} noun="applications" name={name} />
      {application.status?.deleting && (
        <Alert role="status" color="blue" icon={<Icon name="clock" />} title={words.deletingTitle}>
          <Text size="sm">{words.deletingLead(application.status.deleting.by)} <Time at={application.status.deleting.since} /></Text>
        </Alert>
      )}
      {administers(session) && <Unmanaged application={application} />}
      <Tabs
        value={chosen}
        keepMounted={false}
        onChange={(tab) => void navigate(to("developer", "applications", name, ...(tab === "keys" ? [] : [tab ?? ""])))}
      >
        <Tabs.List>
          {tabs.map((tab) => <Tabs.Tab key={tab} value={tab}>{words.tabs[tab]}</Tabs.Tab>)}
        </Tabs.List>
        <Stack pt="lg">
          <Tabs.Panel value="keys"><Keys application={name} tabs={keyTabs} /></Tabs.Panel>
          <Tabs.Panel value="subscriptions"><Subscriptions application={name} /></Tabs.Panel>
          <Tabs.Panel value="calls"><Calls application={name} /></Tabs.Panel>
          <Tabs.Panel value="settings">
            <Stack gap="xl">
              <ObjectEditor
                key={name}
                noun="applications"
                base={base}
                done={home}
                cancel={home}
                form={(draft) => <ApplicationForm draft={draft} isNew={false} />}
              />
              {manifestSetOf(application) === undefined && <RemoveApplication stored={stored} />}
            </Stack>
          </Tabs.Panel>
        </Stack>
      </Tabs>
    </Page>
  );
}
