import { texts } from "../texts";

// The most particular first: others say that they are Chrome and Safari, too.
const browsers: [mark: RegExp, name: string][] = [
  [/Edg(e|A|iOS)?\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\/|FxiOS\//, "Firefox"],
  [/Chrome\/|CriOS\//, "Chrome"],
  [/Safari\//, "Safari"],
];

const systems: [mark: RegExp, name: string][] = [
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Windows/, "Windows"],
  [/Mac OS X|Macintosh/, "macOS"],
  [/Linux|X11/, "Linux"],
];

const first = (said: string, marks: [RegExp, string][]) => marks.find(([mark]) => mark.test(said))?.[1];

/** What people call a browser, by what it says that it is: "Firefox on Windows". Whatever else says something is shown as it is. */
export function browserOf(said: string | undefined): string | undefined {
  if (!said) return undefined;
  const name = first(said, browsers);
  const system = first(said, systems);
  if (name === undefined) return said.slice(0, 40);
  return system === undefined ? name : texts.sessions.browserOn(name, system);
}
