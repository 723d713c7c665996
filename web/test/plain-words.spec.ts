import { expect } from "@playwright/test";

import { texts } from "../src/texts";
import { fieldNamed } from "../src/texts/fields";
import { faultInConsole, inConsole } from "../src/texts/said";
import { complaintsOf, open, person, signIn } from "./browser";
import { apply, manifest, rest, test, world } from "./start";

test.beforeAll(async () => {
  await person("novice", "developer");
  await person("wordy", "admin");
  await apply(world(), [
    manifest("KeyManager", "aaa-mapped", {
      type: "external", issuer: "https://mapped.example", keys: { jwks: "http://127.0.0.1:1/k" }, clients: { create: false },
    }),
  ]);
});

// Every text that is not made of something.
function* wordsIn(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (typeof value === "object" && value !== null) for (const one of Object.values(value)) yield* wordsIn(one);
}

test("no text is the name of a piece of code", () => {
  const named = [...wordsIn(texts)].filter((text) => /^[A-Z][a-z]+(?:[A-Z][a-z]*)+$/.test(text));
  expect(named.filter((text) => text !== "JavaScript")).toEqual([]);
});

test("a fault is said once and in plain words, and a first key is offered where it can be made", async ({ page }) => {
  const complaints = complaintsOf(page);
  await signIn(page, "novice");
  await open(page, "developer/applications/new", "New application");
  await page.getByRole("textbox", { name: /^Name/ }).fill("First Steps!");
  await page.getByRole("button", { name: "Save" }).click();
  const alert = page.getByRole("alert");
  await expect(alert.getByText("Some of this is not valid")).toBeVisible();
  await expect(alert.getByText(/is not a name: use lower-case letters/)).toHaveCount(1);
  await page.getByRole("textbox", { name: /^Name/ }).fill("first-steps");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "first-steps", exact: true })).toBeVisible();
  await expect(page.getByRole("tab", { name: "aaa-mapped" })).toBeVisible();
  await expect(page.getByRole("tab", { name: "resident" })).toHaveAttribute("aria-selected", "true");
  await expect(page.getByRole("button", { name: /Generate/ })).toBeVisible();
  expect(complaints()).toEqual([]);
});

test("what the control plane says to people who write manifests is said to those who fill in forms in words of the form", () => {
  expect(inConsole("KeyManager corp is disabled")).toBe("key manager corp is disabled");
  expect(inConsole("subscribe it: keyward apply a Subscription of application till to API orders")).toBe("subscribe it");
  expect(inConsole("move it in one step afterwards (keyward api default NAME)")).toBe("move it in one step afterwards");
  expect(inConsole("correct spec.issuer: it is another")).toBe("correct spec.issuer: it is another");
  const fault = { path: "spec.keyManagers", code: "invalid_input", message: "is required: write all, or list those whose tokens the API accepts" };
  expect(faultInConsole(fault)).toBe("Select at least one key manager, or accept all of them");
  expect(faultInConsole({ ...fault, message: "names corp twice" })).toBe("names corp twice");
  const fields = [["spec.otherIssuers[1].keys.jwks", "JWKS URL", 2], ["manifest.spec.keyManagers[0].name", "Key managers", 1], ["spec.connection.realmUrl", "Realm", undefined]] as const;
  for (const [path, label, row] of fields) expect(fieldNamed(path, { "spec.connection.realmUrl": "Realm" })).toEqual({ label, row });
  expect(fieldNamed("unknown.part")).toBeUndefined();
});

test("a stored key manager's checks name fields as its form does, and lead to them there", async ({ page }) => {
  const complaints = complaintsOf(page);
  await signIn(page, "wordy");
  await open(page, "admin/key-managers/aaa-mapped/check", "aaa-mapped");
  await page.getByRole("button", { name: "Run the live checks" }).click();
  const steps = page.getByRole("list", { name: "Live checks" });
  await expect(steps).not.toContainText("spec.");
  await steps.getByRole("link", { name: "JWKS URL" }).first().click();
  await expect(page.getByRole("textbox", { name: "JWKS URL" })).toBeFocused();
  expect(complaints()).toEqual([]);
});

test("an API that is to accept no key manager is told so in words of its form", async ({ page }) => {
  await signIn(page, "wordy");
  await open(page, "publisher/apis/new", "New API");
  await page.getByRole("textbox", { name: /^Name/ }).fill("of-nobody");
  await page.getByRole("textbox", { name: /^Context/ }).fill("/of-nobody");
  await page.getByRole("textbox", { name: /^Version/ }).fill("v1");
  await page.getByText("Selected", { exact: true }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("alert").getByText("Select at least one key manager, or accept all of them")).toBeVisible();
  await expect(page.getByText(/write all, or list/)).toHaveCount(0);
});

test("an owner who signed in through a key manager is called by the name that the sign-in told", async ({ page }) => {
  await apply(world(), [manifest("Application", "of-ann", { owners: ["corp|4711", "corp|4712"] })]);
  await signIn(page, "wordy");
  await page.route("**/api/v1/sessions?*everybody=true*", async (route) => {
    const answer = await route.fetch();
    const { items } = (await answer.json()) as { items: object[] };
    await route.fulfill({ response: answer, json: { items: [...items, { ...items[0], id: "ann", current: false, user: "corp|4711", name: "Ann Lee" }] } });
  });
  await open(page, "developer/applications/of-ann", "of-ann");
  await expect(page.getByText("Ann Lee corp|4711")).toBeVisible();
  await expect(page.getByText("corp|4712", { exact: true })).toBeVisible(); // who is not signed in has no name here
  await open(page, "developer/applications", "Applications");
  await expect(page.getByRole("cell", { name: "Ann Lee, corp|4712" })).toBeVisible();
  await rest(world(), "DELETE", "/api/v1/applications/of-ann");
});
