import { expect, type Locator, type Page } from "@playwright/test";

/** What somebody does with the keyboard alone on the page that there is. */
export function keyboardOf(page: () => Page) {
  // What has the focus and shows it neither by an outline of its own nor of what it is drawn in.
  const unseen = () => page().evaluate(() => {
    const seen = (e: Element) => getComputedStyle(e).outlineStyle !== "none" && getComputedStyle(e).outlineWidth !== "0px";
    const at = document.activeElement;
    const shown = [at, at?.parentElement, at?.nextElementSibling, at?.closest(".mantine-Input-input")].some((e) => e && seen(e));
    return shown ? "" : (at?.outerHTML ?? "nothing").slice(0, 300);
  });

  /** Goes to an element by Tab alone, and sees at each step where the focus is. */
  async function tabTo(wanted: Locator): Promise<void> {
    await expect(wanted).toBeVisible();
    for (let i = 0; i < 60; i++) {
      await page().keyboard.press("Tab");
      if (await page().evaluate(() => document.activeElement === document.body)) continue; // once around the window
      await expect.poll(unseen).toBe("");
      if (await wanted.evaluate((e) => e === document.activeElement)) return;
    }
    throw new Error(`the keyboard does not lead to ${wanted.toString()}`);
  }

  /** Goes to a button or link and presses it. */
  async function press(role: "button" | "link" | "tab", name: string | RegExp, within: Page | Locator = page()): Promise<void> {
    await tabTo(within.getByRole(role, { name }).first());
    await page().keyboard.press("Enter");
  }

  const arrived = (heading: string) => expect(page().getByRole("heading", { level: 1, name: heading, exact: true })).toBeFocused();

  return { tabTo, press, arrived };
}
