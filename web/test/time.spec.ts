import { expect, test } from "@playwright/test";

import { time } from "../src/texts/time";

const [second, minute, hour, day] = [1, 60, 3_600, 86_400];

test("a time is said with the nearest number of the unit that fits it", () => {
  const now = Date.parse("2026-03-01T23:30:00Z");
  const said = (seconds: number) => time.relative(new Date(now + seconds * 1_000), now);
  const cases: [seconds: number, words: string][] = [
    [0, "just now"],
    [-4 * second, "just now"],
    [-5 * second, "5 seconds ago"],
    [59 * second, "in 59 seconds"],
    [59.6 * second, "in 1 minute"],
    [-89 * second, "1 minute ago"],
    [-90 * second, "2 minutes ago"],
    [59 * minute + 29, "in 59 minutes"],
    [59 * minute + 30, "in 1 hour"],
    [1 * hour + 29 * minute, "in 1 hour"],
    [1 * hour + 59 * minute, "in 2 hours"],
    [-23 * hour, "23 hours ago"],
    [24 * hour, "in 1 day"], // at half past eleven in the evening an hour and a half more is no longer tomorrow
    [-47 * hour, "2 days ago"],
    [29 * day, "in 29 days"],
    [30 * day, "in 1 month"],
    [-50 * day, "2 months ago"],
    [364 * day, "in 1 year"],
    [-2.6 * 365 * day, "3 years ago"],
  ];
  for (const [seconds, words] of cases) expect(said(seconds), `${seconds} s`).toBe(words);
});
