import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A running backend: its address, and how it ends. */
export interface Backend {
  url: string;
  close: () => void;
}

interface Options {
  /** Under which names an answer tells header fields of the call. */
  tells?: Record<string, string>;
  /** What it gives at a path in the place of what it got; it is told its own address. */
  gives?: Record<string, (url: string) => string>;
}

/** Starts a backend that answers with what it got. */
export async function startBackend({ tells = {}, gives = {} }: Options = {}): Promise<Backend> {
  let url = "";
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part: Buffer) => { body += part.toString(); });
    request.on("end", () => {
      const given = gives[request.url ?? ""];
      if (given) {
        response.end(given(url));
        return;
      }
      const told = Object.fromEntries(Object.entries(tells).map(([name, field]) => [name, request.headers[field]]));
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify({ method: request.method, path: request.url, ...told, body }));
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, close: () => { server.close(); } };
}
