import { client, bodyOf } from "../api/client";
import { replaceObject, type Noun, type Nouns } from "../api/objects";
import { withValue } from "./path";

/** Changes one value of a stored object, whatever else was changed in it meanwhile. undefined takes the value away. */
export async function changeValue<N extends Noun>(tenant: string, noun: N, name: string, path: string[], value: unknown): Promise<Nouns[N]> {
  const address = `/api/v1/${noun}/{name}` as "/api/v1/applications/{name}"; // all nouns' routes are alike
  const answer = await client.GET(address, { params: { path: { name }, query: { tenant } } });
  const object = bodyOf(answer) as unknown as Nouns[N];
  return replaceObject(tenant, noun, name, withValue(object, path, value), answer.response.headers.get("ETag") ?? "");
}
