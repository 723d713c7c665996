import { readObject, replaceObject, type Noun, type Nouns } from "../api/objects";
import { withValue } from "./path";

/** Changes one value of a stored object, whatever else was changed in it meanwhile. undefined takes the value away. */
export async function changeValue<N extends Noun>(tenant: string, noun: N, name: string, path: string[], value: unknown): Promise<Nouns[N]> {
  const { object, etag } = await readObject(tenant, noun, name);
  return replaceObject(tenant, noun, name, withValue(object, path, value), etag);
}
