import { admin } from "./admin";
import { developer } from "./developer";
import { publisher } from "./publisher";

/** Every English text of the console. Components hold none. */
export const texts = {
  admin,
  publisher,
  developer,
  shell: {
    product: "Keyward",
    skip: "Skip to the content",
    menu: "Open or close the menu",
    toDark: "Change to dark",
    toLight: "Change to light",
    search: "Search",
    searchLong: "Search key managers, APIs, applications, pages",
    searchNothing: "Nothing has this in its name.",
    searchHint: "Ctrl K",
    tenant: "Tenant",
    account: "Your account",
    signOut: "Sign out",
    signedInAs: (user: string) => `Signed in as ${user}`,
    areas: { admin: "Admin", publisher: "Publisher", developer: "Developer" },
    areaSwitch: "Area",
    pages: "Pages of this area",
  },
  session: {
    title: "Sign in",
    lead: "Key managers, APIs and keys of your company, in one place.",
    local: "Sign in with a Keyward account",
    via: (name: string) => `Sign in with ${name}`,
    ended: "Your session has ended. Sign in to go on where you were.",
    none: "Your account has no role in this tenant. Ask an administrator for one.",
  },
  missing: {
    title: "There is no such page",
    lead: "The address may be of an older version, or of something that was deleted.",
    home: "Go to the first page",
  },
  crash: {
    title: "This page failed",
    reload: "Load it anew",
  },
  problem: {
    title: "That did not work",
    usedBy: "In use by:",
    again: "Try again",
    code: "Code",
  },
  copy: { copy: "Copy", done: "Copied" },
  table: {
    shown: (n: number, more: boolean) => (more ? `The first ${n}` : n === 1 ? "1 entry" : `${n} entries`),
    more: "Show more",
    noMatch: "Nothing has this text in its name.",
  },
  confirm: {
    type: (word: string) => `Type ${word} to confirm`,
    cancel: "Cancel",
  },
  code: {
    open: "Copy as code",
    title: "The same as code",
    lead: "What this page shows is one manifest. Secrets are never in it: what is stored stays when it is applied again.",
    yaml: "YAML",
    curl: "curl",
  },
  common: {
    yes: "yes",
    no: "no",
    none: "none",
    all: "all",
    save: "Save",
    edit: "Edit",
    delete: "Delete",
    close: "Close",
    saved: "Saved",
  },
};
