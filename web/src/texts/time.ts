type Unit = Intl.RelativeTimeFormatUnit;

// Each unit in seconds, and how many of it the next one has.
const units: [unit: Unit, seconds: number, most: number][] = [
  ["second", 1, 60],
  ["minute", 60, 60],
  ["hour", 3_600, 24],
  ["day", 86_400, 30],
  ["month", 86_400 * 30, 12],
];

// The words are English, and hours are counted to 24 everywhere. "Yesterday" would be a day of the calendar, which 24 hours are not.
const relative = new Intl.RelativeTimeFormat("en-GB", { numeric: "always" });
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" });
const minute = new Intl.DateTimeFormat("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" });
const millisecond = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });

/** How times are said. */
export const time = {
  exact: (at: Date) => exact.format(at),
  /** One of the last days to the minute, for what is told by steps. */
  minute: (at: Date) => minute.format(at),
  /** The time of day alone, for what happens faster than people say times. */
  millisecond: (at: Date) => millisecond.format(at),
  /** As people say it: "3 minutes ago", "in 2 days". It is rounded to the nearest: 119 minutes are 2 hours. */
  relative(at: Date, now: number): string {
    const seconds = (at.getTime() - now) / 1_000;
    const size = Math.abs(seconds);
    if (size < 4.5) return "just now";
    const [unit, length] = units.find(([, one, most]) => Math.round(size / one) < most) ?? ["year" as const, 86_400 * 365];
    return relative.format(Math.sign(seconds) * Math.round(size / length), unit);
  },
  never: "never",
};
