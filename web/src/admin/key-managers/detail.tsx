import { Button, Menu, Stack, Tabs } from "@mantine/core";
import { usePrefetchQuery, useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { Link, useNavigate, useParams } from "react-router";

import { healthQuery, typesQuery, usagesQuery } from "../../api/key-managers";
import { objectQuery, manifestSetOf, type Stored } from "../../api/objects";
import { ManifestSetNote } from "../../object/manifest-set-note";
import { administers } from "../../session/areas";
import { useSession } from "../../session/session";
import { Missing } from "../../shell/missing";
import { useAddress, useName, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { CopyAsCode } from "../../ui/code-block";
import { HeldBanner, HoldButton } from "../../ui/hold";
import { Icon } from "../../ui/icon";
import { InForce } from "../../ui/in-force";
import { Page } from "../../ui/page";
import { CheckStored } from "./check-stored";
import { Clients } from "./clients";
import { Health } from "./health";
import { Overview } from "./overview";
import { Noticed, RemoveKeyManager, SwitchOff } from "./remove";
import { KeyManagerState } from "./state";
import { TokenCheck } from "./token-check";
import { Traffic } from "./traffic";

const words = texts.admin.keyManager;

const tabs = ["overview", "health", "traffic", "clients", "check", "token"] as const;

/** One key manager: how its server is, who depends on it, and what can be done about it. */
export function KeyManagerPage() {
  const tenant = useTenant();
  const name = useName();
  const to = useAddress();
  const session = useSession();
  const navigate = useNavigate();
  const chosen = useParams().tab ?? "overview";
  // Asked for at once, not after the key manager.
  usePrefetchQuery(healthQuery(tenant, name));
  usePrefetchQuery(usagesQuery(tenant, name));
  usePrefetchQuery(typesQuery(tenant));
  const { data: stored } = useSuspenseQuery(objectQuery(tenant, "key-managers", name));
  const health = useQuery(healthQuery(tenant, name)).data;
  const keyManager = stored.object;
  const admin = administers(session);
  if (!tabs.some((tab) => tab === chosen)) return <Missing />;
  return (
    <Page
      title={keyManager.spec.displayName ?? name}
      above={[{ to: to("admin", "key-managers"), label: texts.admin.nav.keyManagers }]}
      beside={
        <>
          <KeyManagerState {...health} {...(keyManager.spec.enabled === false && { state: "disabled" })} />
          <InForce noun="key-managers" name={name} />
        </>
      }
      actions={
        <>
          <CopyAsCode noun="key-managers" object={keyManager} />
          {admin && (
            <Button component={Link} to={to("admin", "key-managers", name, "edit")} variant="default">
              {texts.common.edit}
            </Button>
          )}
          {admin && !keyManager.status?.hold && <HoldButton noun="key-managers" name={name}><Noticed stored={stored} /></HoldButton>}
          {admin && manifestSetOf(keyManager) === undefined && <More stored={stored} />}
        </>
      }
    >
      <HeldBanner hold={keyManager.status?.hold} noun="key-managers" name={name} />
      <ManifestSetNote set={manifestSetOf(keyManager)} />
      <Tabs
        value={chosen}
        onChange={(tab) => void navigate(to("admin", "key-managers", name, ...(tab === "overview" ? [] : [tab ?? ""])))}
        keepMounted={false}
      >
        <Tabs.List>
          {tabs.filter((tab) => admin || (tab !== "check" && tab !== "token")).map((tab) => (
            <Tabs.Tab key={tab} value={tab}>{words.tabs[tab]}</Tabs.Tab>
          ))}
        </Tabs.List>
        <Stack pt="lg">
          <Tabs.Panel value="overview"><Overview keyManager={keyManager} /></Tabs.Panel>
          <Tabs.Panel value="health"><Health name={name} /></Tabs.Panel>
          <Tabs.Panel value="traffic"><Traffic name={name} /></Tabs.Panel>
          <Tabs.Panel value="clients"><Clients name={name} /></Tabs.Panel>
          <Tabs.Panel value="check"><CheckStored name={name} type={keyManager.spec.type} /></Tabs.Panel>
          <Tabs.Panel value="token"><TokenCheck what={{ name }} /></Tabs.Panel>
        </Stack>
      </Tabs>
    </Page>
  );
}

// What is asked about is no part of the menu: it stays when the menu is gone.
function More({ stored }: { stored: Stored<"key-managers"> }) {
  const opener = useRef<HTMLButtonElement>(null);
  const [asked, ask] = useState<"switch" | "remove">();
  const dialog = { stored, opener, close: () => { ask(undefined); } };
  const { spec } = stored.object;
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button ref={opener} variant="default" aria-label={words.more}>
            <Icon name="dots" size={18} />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<Icon name="pause" size={16} />} onClick={() => { ask("switch"); }}>
            {spec.enabled === false ? texts.admin.remove.enable : texts.admin.remove.disable}
          </Menu.Item>
          {spec.type !== "resident" && (
            <Menu.Item color="red" leftSection={<Icon name="trash" size={16} />} onClick={() => { ask("remove"); }}>
              {texts.common.delete}
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      <SwitchOff {...dialog} opened={asked === "switch"} />
      <RemoveKeyManager {...dialog} opened={asked === "remove"} disable={() => { ask("switch"); }} />
    </>
  );
}
