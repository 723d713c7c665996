/** A text as a part of a name or a path: its letters and digits, 40 at most, with hyphens between words. */
export function slug(said: string): string {
  return said.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").slice(0, 40).replaceAll(/^-+|-+$/g, "");
}
