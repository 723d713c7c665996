import { generateKeyPairSync, type KeyObject } from "node:crypto";

import { expect, type Page } from "@playwright/test";

import { complaintsOf, forEverybody, open, person, signIn } from "./browser";
import { apply, manifest, rest, test, world } from "./start";

let page: Page;
let complaints: () => string[];

test.describe.configure({ mode: "serial" });

test.beforeAll(async ({ browser }) => {
  await person("filler", "admin");
  await apply(world(), [
    manifest("KeyManager", "incident", { type: "external", displayName: "Incident", issuer: "https://incident.example", keys: { jwks: "http://127.0.0.1:1/k" } }),
  ]);
  page = await (await browser.newContext()).newPage();
  complaints = complaintsOf(page);
  await signIn(page, "filler");
});

test.afterEach(() => { expect(complaints()).toEqual([]); });

test("claims, token handling and constraints of a key manager are rows, which say what they cannot keep", async () => {
  await open(page, "admin/key-managers/incident/edit", "Edit incident");
  for (const part of ["Token rules", "Claims", "Pasted keys and other issuers"]) await page.getByText(part, { exact: true }).click();
  const rows = (of: string) => page.getByRole("table", { name: of });
  await page.getByRole("button", { name: "Add a claim" }).click();
  await rows("Claims for the backend").getByRole("textbox", { name: "Claim" }).fill("email");
  await rows("Claims for the backend").getByRole("textbox", { name: "Name in the backend JWT" }).fill("sub");
  const required = rows("Required claims");
  for (const claim of ["verified", "verified"]) {
    await page.getByRole("button", { name: "Add a required claim" }).click();
    await required.getByRole("textbox", { name: "Claim" }).last().fill(claim);
  }
  await expect(required.getByText("Already in the list. This row is not saved.")).toBeVisible();
  await page.getByRole("button", { name: "Remove verified" }).last().click();
  await required.getByRole("combobox", { name: "Value: kind of value" }).click();
  await page.getByRole("option", { name: "true/false" }).click();
  await page.getByRole("button", { name: "Add a matching rule" }).click();
  await rows("Token matching").getByRole("combobox", { name: "Match by" }).click();
  await page.getByRole("option", { name: "JWT claims" }).click();
  await rows("Token matching").getByRole("textbox", { name: "Claim" }).fill("tid");
  await rows("Token matching").getByRole("textbox", { name: "Value", exact: true }).fill("acme");
  await page.getByRole("button", { name: "Add an issuer" }).click();
  await page.getByRole("group", { name: "Other issuers" }).getByRole("textbox", { name: "Issuer" }).fill("https://former.example");
  await forEverybody(page, "key-manager-rows");
  await page.getByRole("button", { name: "Save" }).click();
  const mapped = rows("Claims for the backend").getByRole("textbox", { name: "Claim" });
  await expect(mapped).toHaveAttribute("aria-invalid", "true"); // a registered claim is not a name for another
  await rows("Claims for the backend").getByRole("textbox", { name: "Name in the backend JWT" }).fill("mail");
  await expect(mapped).not.toHaveAttribute("aria-invalid", "true");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Incident", exact: true })).toBeVisible();
  await expect(page.getByText("In force on the gateway", { exact: true }).first()).toBeVisible();
  expect(((await rest(world(), "GET", "/api/v1/key-managers/incident")) as { spec: unknown }).spec).toMatchObject({
    claims: { mapping: [{ from: "email", to: "mail" }] },
    tokens: { require: { verified: true }, match: [{ claims: { tid: "acme" } }] },
    otherIssuers: [{ issuer: "https://former.example" }],
  });
});

test("public keys are pasted as people have them, and a private key is taken nowhere", async () => {
  await open(page, "admin/key-managers/new", "Add a key manager");
  await page.getByRole("button", { name: "External" }).click();
  await page.getByRole("textbox", { name: /^Name/ }).fill("pasted");
  await page.getByRole("textbox", { name: /^Issuer/ }).fill("https://pasted.example");
  await page.getByText("Pasted keys and other issuers", { exact: true }).click();
  const keys = page.getByRole("textbox", { name: "Pasted keys" });
  const found = page.getByRole("status", { name: "Pasted keys: what was found" });
  const [rsa, ec] = [generateKeyPairSync("rsa", { modulusLength: 2048 }), generateKeyPairSync("ec", { namedCurve: "P-256" })];
  const pem = (key: KeyObject) => key.export({ format: "pem", type: key.type === "private" ? "pkcs8" : "spki" });
  await keys.first().fill(`Bag Attributes\n${pem(rsa.publicKey)}${pem(ec.publicKey)}`);
  await expect(found).toContainText("2 keys found");
  await expect(found.getByRole("listitem")).toHaveText([/RSA, 2048 bits/, /EC, P-256/]);
  const before = await keys.first().inputValue();
  for (const secret of [pem(rsa.privateKey), JSON.stringify({ keys: [ec.privateKey.export({ format: "jwk" })] }, null, 1), "kty: oct\nk: c2VjcmV0"]) {
    await keys.first().fill(secret);
    await expect(page.getByText(/Not taken: a private key begins on line/)).toBeVisible();
    await expect(keys.first()).toHaveValue(before);
  }
  await keys.first().fill(pem(rsa.publicKey).replace("-----END PUBLIC KEY-----\n", ""));
  await expect(page.getByText("Line 1: This BEGIN has no matching END.")).toBeVisible();
  await page.getByRole("button", { name: "Run the live checks" }).click();
  const told = page.getByRole("complementary", { name: "Live checks" }).getByRole("alert");
  await told.getByRole("button", { name: "Pasted keys" }).click(); // by its label, which leads there
  await expect(keys.first()).toBeFocused();
  await keys.first().fill(JSON.stringify({ keys: [{ ...ec.publicKey.export({ format: "jwk" }), kid: "spring", alg: "ES256" }] }, null, 2).replace('"kid"', '"kid";'));
  await expect(page.getByText(/Line \d+: This is neither JSON nor YAML/)).toBeVisible();
  await keys.first().fill(JSON.stringify({ ...ec.publicKey.export({ format: "jwk" }), kid: "spring", alg: "ES256" }, null, 2));
  await expect(found.getByRole("listitem")).toHaveText([/spring · EC, P-256 · ES256/]);
  await page.getByRole("button", { name: "Add an issuer" }).click();
  const former = page.getByRole("group", { name: "Other issuers" });
  await former.getByRole("textbox", { name: "Issuer" }).fill("https://once.example");
  await former.getByRole("combobox", { name: "Keys" }).click();
  await page.getByRole("option", { name: "Pasted here" }).click();
  await former.getByRole("textbox", { name: "Pasted keys" }).fill(pem(rsa.publicKey));
  await forEverybody(page, "key-manager-keys");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "pasted", exact: true })).toBeVisible();
  expect(((await rest(world(), "GET", "/api/v1/key-managers/pasted")) as { spec: unknown }).spec).toMatchObject({
    keys: { jwksInline: { keys: [{ kid: "spring", crv: "P-256" }] } },
    otherIssuers: [{ issuer: "https://once.example", keys: { pem: [pem(rsa.publicKey)] } }],
  });
  await rest(world(), "DELETE", "/api/v1/key-managers/pasted");
});

test("what the server cannot be reached without leads to its field, folded away or not", async () => {
  await open(page, "admin/key-managers/new", "Add a key manager");
  await page.route("**/key-managers/discover*", (route) => route.fulfill({
    status: 502, headers: { "Content-Type": "application/problem+json", "X-Keyward-Api": "v1" },
    json: { type: "about:blank", title: "Bad Gateway", status: 502, code: "key_manager_failed", detail: "give the authority that signed it in spec.outbound.ca" },
  }));
  await page.getByRole("textbox", { name: /Issuer or well-known/ }).fill("https://private.example");
  await page.getByRole("button", { name: "Read metadata" }).click();
  await page.getByRole("alert").getByRole("button", { name: "Certificate authorities" }).click();
  await expect(page.getByRole("textbox", { name: "Certificate authorities" })).toBeFocused();
  await page.unroute("**/key-managers/discover*");
});

test("a connection is chosen among those of the type, however many there are, and it is said that there are more", async () => {
  const connections = [
    ...Array.from({ length: 24 }, (_, i) => manifest("Connection", `org-${String(i + 1).padStart(2, "0")}`, { type: "okta", connection: { orgUrl: `https://org-${i + 1}.okta.com`, apiToken: "t" } })),
    manifest("Connection", "a-realm", { type: "keycloak", connection: { clientId: "k", clientSecret: "s", realmUrl: "http://127.0.0.1:1/realms/r" } }),
  ];
  await apply(world(), connections);
  await open(page, "admin/key-managers/new", "Add a key manager");
  await page.getByRole("button", { name: "Okta" }).click();
  const field = page.getByRole("combobox", { name: "Connection" });
  await field.click();
  await expect(page.getByRole("option")).toHaveCount(21);
  await expect(page.getByRole("option").last()).toHaveText("There are more: type to find them");
  await expect(page.getByRole("option").last()).toHaveAttribute("data-combobox-disabled", "true");
  await expect(page.getByRole("option", { name: "a-realm" })).toHaveCount(0);
  await field.fill("org-24");
  await page.getByRole("option", { name: "org-24" }).click();
  await expect(field).toHaveValue("org-24");
  for (const { metadata } of connections) await rest(world(), "DELETE", `/api/v1/connections/${metadata.name}`);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Discard changes" }).click();
});

test("a pasted token is tried by the settings that are in force", async () => {
  await open(page, "admin/key-managers/resident/token", "resident");
  await expect(page.getByRole("button", { name: "Try the token" })).toBeDisabled();
  await page.getByRole("textbox", { name: "Access token" }).fill("not-a-token");
  await page.getByRole("button", { name: "Try the token" }).click();
  await expect(page.getByText(/401 \w+/)).toBeVisible();
});

test("nor does the YAML of a key manager take one where none belongs, and where one does it is for the server alone", async () => {
  await open(page, "admin/key-managers/incident/edit", "Edit incident");
  await page.getByRole("tab", { name: "YAML" }).click();
  const yaml = page.getByRole("textbox", { name: "YAML" });
  const before = await yaml.inputValue();
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = ec.privateKey.export({ format: "pem", type: "pkcs8" });
  const block = `|\n      ${pem.trim().replaceAll("\n", "\n      ")}`;
  const set = JSON.stringify({ keys: [ec.privateKey.export({ format: "jwk" })] });
  for (const [wrong, line] of [
    [`spec:\n  displayName: Incident\n  keys:\n    pem:\n    - ${block}\n`, 9],
    [`spec:\n  keys:\n    jwksInline: ${set}\n`, 7],
    [`spec:\n  note: ${block}\n`, 6],
  ] as const) {
    await yaml.fill(`apiVersion: keyward.dev/v1\nkind: KeyManager\nmetadata:\n  name: incident\n${wrong}`);
    await expect(page.getByText(`Not taken: a private key begins on line ${line}.`)).toBeVisible();
    await expect(yaml).toHaveValue(before);
  }
  await yaml.fill(`${before}  introspection:\n    clientId: gateway\n    method: private_key_jwt\n    key: ${block}\n`);
  await expect(page.getByText(/Not taken/)).toBeHidden();
  await page.getByRole("tab", { name: "Form" }).click();
  await page.getByRole("tab", { name: "YAML" }).click();
  await expect(yaml).toHaveValue(/method: private_key_jwt\n.*BEGIN PRIVATE KEY/s);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Discard changes" }).click();
});

test("what developers may ask of a type's fields is a row for each rule", async () => {
  await apply(world(), [manifest("KeyManager", "ruled", {
    type: "wso2is", displayName: "Ruled", issuer: "https://ruled.example/oauth2/token", keys: { jwks: "http://127.0.0.1:1/k" },
    endpoints: { token: "http://127.0.0.1:1/token" }, connection: { clientId: "k", clientSecret: "a secret" },
    clients: { constraints: { callbacks: { regex: "https://.*" } } },
  })]);
  await open(page, "admin/key-managers/ruled/edit", "Edit ruled");
  const rules = page.getByRole("table", { name: "Constraints" });
  await expect(rules.getByRole("textbox", { name: "Value" })).toHaveValue("https://.*");
  await page.getByRole("button", { name: "Add a constraint" }).click();
  await rules.getByRole("combobox", { name: "Field" }).last().click();
  await page.getByRole("option", { name: "Application tokens' lifetime" }).click();
  await rules.getByRole("combobox", { name: "Rule" }).last().click();
  await page.getByRole("option", { name: "Maximum" }).click();
  await rules.getByRole("textbox", { name: "Value" }).last().fill("3600");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Ruled", exact: true })).toBeVisible();
  expect(((await rest(world(), "GET", "/api/v1/key-managers/ruled")) as { spec: unknown }).spec).toMatchObject({
    clients: { constraints: { callbacks: { regex: "https://.*" }, ext_application_token_lifetime: { max: 3600 } } },
  });
  await rest(world(), "DELETE", "/api/v1/key-managers/ruled");
});
