import { expect, test } from "@playwright/test";

import { texts } from "../src/texts";
import { complaintsOf, open, person, signIn } from "./browser";
import { apply, manifest, rest, world } from "./start";

test.beforeAll(async () => {
  await person("novice", "developer");
  await apply(world(), [
    manifest("KeyManager", "aaa-mapped", {
      type: "external", issuer: "https://mapped.example", keys: { jwks: "http://127.0.0.1:1/k" }, clients: { create: false },
    }),
  ]);
});

test.afterAll(async () => {
  await rest(world(), "DELETE", "/api/v1/applications/first-steps");
  await rest(world(), "DELETE", "/api/v1/key-managers/aaa-mapped");
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
