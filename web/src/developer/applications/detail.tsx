import { Stack, Tabs } from "@mantine/core";
import { useSuspenseQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Navigate, useNavigate, useParams } from "react-router";

import { ownersOf } from "../../api/groups";
import { manifestSetOf, objectQuery, type Stored } from "../../api/objects";
import { isProblem } from "../../api/problem";
import { ObjectEditor } from "../../object/editor";
import { administers } from "../../session/areas";
import { useSession } from "../../session/session";
import { Missing } from "../../shell/missing";
import { addressOf, useAddress, useName, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { CopyAsCode } from "../../ui/code-block";
import { HeldBanner, HoldButton } from "../../ui/hold";
import { InForce } from "../../ui/in-force";
import { Owners } from "../../ui/owners";
import { Page } from "../../ui/page";
import { sayDone } from "../../ui/say-done";
import { Calls } from "./calls";
import { Deleting } from "./deleting";
import { ApplicationForm } from "./form";
import { Keys } from "./keys/keys";
import { useKeyTabs } from "./keys/use-key-tabs";
import { RemoveApplication } from "./remove";
import { Subscriptions } from "./subscriptions";
import { Unmanaged } from "./unmanaged";
import { tabs, useTabAddress } from "./use-tab-address";

const words = texts.developer.applications;

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
  const keyTabs = useKeyTabs();
  const tabAt = useTabAddress(name);
  const home = () => void navigate(tabAt("keys"));
  const deleting = application.status?.deleting;
  const shown = tabs.filter((tab) => tab !== "settings" || !deleting); // nothing of it can be changed any more
  if (!tabs.some((tab) => tab === chosen)) return <Missing />;
  if (!shown.some((tab) => tab === chosen)) return <Navigate to={tabAt("keys")} replace />;
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
      {deleting && <Deleting application={name} deleting={deleting} />}
      {administers(session) && <Unmanaged application={application} />}
      <Tabs
        value={chosen}
        keepMounted={false}
        onChange={(next) => {
          const tab = tabs.find((one) => one === next);
          if (tab) void navigate(tabAt(tab));
        }}
      >
        <Tabs.List aria-label={words.parts}>
          {shown.map((tab) => <Tabs.Tab key={tab} value={tab}>{words.tabs[tab]}</Tabs.Tab>)}
        </Tabs.List>
        <Stack pt="lg">
          <Tabs.Panel value="keys"><Keys application={name} tabs={keyTabs} /></Tabs.Panel>
          <Tabs.Panel value="subscriptions"><Subscriptions application={name} deleting={deleting !== undefined} /></Tabs.Panel>
          <Tabs.Panel value="calls"><Calls application={name} /></Tabs.Panel>
          <Tabs.Panel value="settings">
            <Settings stored={stored} home={home} />
          </Tabs.Panel>
        </Stack>
      </Tabs>
    </Page>
  );
}

// What somebody changes is the version that was there when they came here, however long the page was open before.
function Settings({ stored, home }: { stored: Stored<"applications">; home: () => void }) {
  const [base] = useState(stored);
  return (
    <Stack gap="xl">
      <ObjectEditor
        noun="applications"
        base={base}
        done={home}
        cancel={home}
        form={(draft) => <ApplicationForm draft={draft} isNew={false} />}
      />
      {manifestSetOf(stored.object) === undefined && <RemoveApplication stored={stored} />}
    </Stack>
  );
}
