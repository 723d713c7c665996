import { expect } from "@playwright/test";

import { open, person, signIn } from "./browser";
import { apply, manifest, rest, test, world } from "./start";

test("of a list that an administrator limits to some values, several are chosen", async ({ page }) => {
  const constraints = { contacts: { enum: ["ops@example.com", "dev@example.com"] } };
  await person("chooser", "developer");
  await apply(world(), [
    manifest("KeyManager", "limiting", {
      type: "oidc",
      displayName: "Limiting",
      issuer: "https://limiting.example",
      keys: { jwks: "http://127.0.0.1:1/keys" },
      endpoints: { token: "http://127.0.0.1:1/token", registration: "http://127.0.0.1:1/register" },
      connection: { initialAccessToken: "initial" },
      clients: { constraints, approval: "manual" },
    }),
    manifest("Application", "choosing", { owners: ["chooser"] }),
  ]);
  await signIn(page, "chooser");
  await open(page, "developer/applications/choosing?key-manager=limiting", "choosing");
  await page.getByRole("button", { name: "More settings" }).click();
  const contacts = page.getByRole("combobox", { name: /contacts/i });
  await contacts.scrollIntoViewIfNeeded(); // once the settings are unfolded: a list whose field is out of sight is too
  await contacts.focus();
  await page.keyboard.press("ArrowDown");
  for (const one of constraints.contacts.enum) await page.getByRole("option", { name: one }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Request keys" }).click();
  await expect(page.getByText("Requested. An administrator has to approve it")).toBeVisible();
  const asked = async () => {
    const { items } = (await rest(world(), "GET", "/api/v1/key-requests")) as { items?: { application: string; fields?: unknown }[] };
    return items?.find((one) => one.application === "choosing")?.fields;
  };
  await expect.poll(asked).toMatchObject({ contacts: constraints.contacts.enum });
});
