import { ActionIcon, Menu, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "react-router";

import { messageOf } from "../api/problem";
import { signOut, useSession } from "../session/session";
import { texts } from "../texts";
import { Icon } from "../ui/icon";
import { addressOf, useTenant } from "./place";

/** Who is signed in, the tenants they may look at, and the way out. */
export function AccountMenu() {
  const session = useSession();
  const tenant = useTenant();
  const navigate = useNavigate();
  const { tenants } = session;
  const leave = useMutation({
    mutationFn: signOut,
    onError: (error) => { notifications.show({ title: texts.shell.stillSignedIn, message: messageOf(error), color: "red", role: "alert" }); },
  });
  return (
    <Menu position="bottom-end" width={240} withArrow>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={texts.shell.account}>
          <Icon name="user" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{texts.shell.signedInAs(session.name)}</Menu.Label>
        {(tenants ?? []).length > 1 && (
          <>
            <Menu.Divider />
            <Menu.Label>{texts.shell.tenant}</Menu.Label>
            {(tenants ?? []).map((name) => (
              <Menu.Item
                key={name}
                onClick={() => void navigate(addressOf(name))}
                leftSection={<Icon name={name === tenant ? "check" : "chevron"} size={14} />}
              >
                <Text span size="sm">{name}</Text>
              </Menu.Item>
            ))}
          </>
        )}
        <Menu.Divider />
        <Menu.Item leftSection={<Icon name="clock" size={16} />} onClick={() => void navigate(addressOf(tenant, "sessions"))}>
          {texts.shell.sessions}
        </Menu.Item>
        <Menu.Item leftSection={<Icon name="out" size={16} />} onClick={() => { leave.mutate(); }}>
          {texts.shell.signOut}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
