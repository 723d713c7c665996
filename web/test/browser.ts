import AxeBuilder from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

import { apply, manifest, world, type World } from "./start";

/** The password of everybody in these tests. */
export const password = "correct horse battery staple";

/** Makes a user with these roles. */
export async function person(name: string, ...roles: string[]): Promise<void> {
  await personAt(world(), name, ...roles);
}

/** The same at another server. */
export async function personAt(at: World, name: string, ...roles: string[]): Promise<void> {
  await apply(at, [manifest("User", name, { email: `${name}@example.com`, password, roles })]);
}

/** Signs a user in, in a browser where nobody is, and waits for the console. */
export async function signIn(page: Page, user: string, at = world()): Promise<void> {
  await page.goto(at.url);
  await page.getByRole("link", { name: /Keyward account/ }).click();
  await fillIn(page, user);
  await expect(page.getByRole("button", { name: "Your account" })).toBeVisible();
}

/** Fills in the page on which the resident authorization server asks who somebody is. */
export async function fillIn(page: Page, user: string): Promise<void> {
  await page.locator('input[name="username"], input[autocomplete="username"]').first().fill(user);
  await page.locator('input[type="password"]').first().fill(password);
  await page.locator('button[type="submit"]').first().click();
}

/** Opens a page of the tenant default by its address. */
export async function open(page: Page, path: string, heading: string | RegExp): Promise<void> {
  await page.goto(`${world().url}/console/default/${path}`);
  await expect(page.getByRole("heading", { level: 1, name: heading, exact: true })).toBeVisible();
}

/** What the browser says of a page that no page may make it say. Call the result to read it, and to begin anew. */
export function complaintsOf(page: Page): () => string[] {
  let heard: string[] = [];
  // A refused script or style, an error of our own, and a failed request that no page shows are faults of the console.
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().includes("Failed to load resource")) heard.push(message.text());
  });
  page.on("pageerror", (error) => heard.push(error.message));
  return () => {
    const said = heard;
    heard = [];
    return said;
  };
}

/** Adds up how much the layout of a page shifts from when it is opened, as browsers do it. Call the result to read it. */
export async function shiftsOf(page: Page): Promise<() => Promise<number>> {
  await page.addInitScript(() => {
    const seen = window as unknown as { shifts: number };
    seen.shifts = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) {
        if (!entry.hadRecentInput) seen.shifts += entry.value;
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
  return () => page.evaluate(() => (window as unknown as { shifts: number }).shifts);
}

/** What makes the page wider than the screen: elements past its edge that are not inside something that scrolls. */
function sticksOut(on: Page): Promise<string[]> {
  return on.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const found = [...document.querySelectorAll("body *")]
      .filter((e) => e.getBoundingClientRect().right > width + 1 && e.closest('[data-scrolls], .mantine-TableScrollContainer-scrollContainer') === null)
      .slice(0, 8)
      .map((e) => `${e.tagName} ${e.className} ${e.textContent.slice(0, 40)}`);
    return found.length > 0 ? found : ["something that is drawn outside of what scrolls around it"];
  });
}

// The rules of axe that look at colours: what the dark look can break beyond what the light one shows.
const colours = ["color-contrast", "link-in-text-block"];

/** The serious findings of axe on the page: by all of its rules in the light look, by those of colours in the dark one. */
export async function faultsIn(page: Page, look: "light" | "dark"): Promise<string[]> {
  const axe = new AxeBuilder({ page })
    .options({ resultTypes: ["violations"] }) // what is in order is not described, element by element
    .setLegacyMode(); // there are no frames, for which it would open a page more
  const found = await (look === "dark" ? axe.withRules(colours) : axe).analyze();
  const serious = found.violations.filter((v) => v.impact === "serious" || v.impact === "critical");
  return serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`);
}

/**
 * Whether everybody can use the page as it stands: no serious finding of axe in light and dark, nothing wider than the smallest phone.
 * With KEYWARD_SCREENSHOTS it becomes a picture in docs, where it has a name; with KEYWARD_LOOKS, a folder, three in there.
 */
export async function forEverybody(page: Page, name?: string): Promise<void> {
  const picture = async (look: string) => {
    if (process.env.KEYWARD_LOOKS && name) await page.screenshot({ path: `${process.env.KEYWARD_LOOKS}/${name}-${look}.png`, fullPage: true });
  };
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.mouse.move(0, 0); // nothing is pointed at that was not asked for
    await page.waitForLoadState("networkidle");
    // What changes with the look begins to change in the frame after.
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    await page.waitForFunction((scheme) => {
      const moving = document.getAnimations().some((a) => a instanceof CSSTransition && a.playState === "running");
      return document.documentElement.dataset.mantineColorScheme === scheme && !moving;
    }, colorScheme);
    expect(await faultsIn(page, colorScheme)).toEqual([]);
    if (colorScheme === "light" && process.env.KEYWARD_SCREENSHOTS && name) {
      await page.screenshot({ path: `../docs/console/${name}.png` });
    }
    await picture(colorScheme);
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 320, height: 640 }); // the narrowest at which nothing may be lost (WCAG 2.2, 1.4.10)
  await expect.poll(() => sticksOut(page)).toEqual([]);
  await picture("phone");
  await page.setViewportSize({ width: 1280, height: 860 });
}
