import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A realm of a running Keycloak. */
export interface Realm {
  issuer: string;
  end: () => Promise<void>;
  /** Asks the realm's admin API, and gives the answer's body. */
  admin: (method: string, path: string, body?: unknown) => Promise<unknown>;
}

// The keys that a realm begins with, as in the Go tests: Keycloak takes seconds of CPU time to make RSA keys.
function keys() {
  const key = () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" });
  const provider = (id: string, config: Record<string, unknown[]>) => ({ name: id, providerId: id, config: { priority: ["100"], ...config } });
  return [
    provider("rsa", { privateKey: [key()], algorithm: ["RS256"] }),
    provider("rsa-enc", { privateKey: [key()], algorithm: ["RSA-OAEP"] }),
    provider("hmac-generated", { algorithm: ["HS512"] }),
    provider("aes-generated", {}),
  ];
}

const admin = "admin-password-for-tests"; // that of internal/testbed/keycloak

/** Starts a Keycloak as the Go tests do, or takes the one that the command around shares, with a realm like this in it. */
export async function startKeycloak(realm: { realm: string } & Record<string, unknown>): Promise<Realm> {
  const child = spawn("go", ["run", "./internal/testbed/keycloak/around", "sh", "-c", 'echo "$KEYCLOAK_FOR_TESTS"; exec cat'], {
    cwd: join(import.meta.dirname, "..", ".."),
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise<void>((done) => child.once("exit", () => { done(); }));
  const end = async () => {
    child.stdin.end(); // cat ends, and Keycloak with it
    await ended;
  };
  const url = await Promise.race([
    new Promise<string>((line) => createInterface(child.stdout).once("line", line)),
    ended.then(() => { throw new Error("there is no Keycloak: make setup fetches one"); }),
  ]);
  const token = async () => {
    const answer = await fetch(`${url}/realms/master/protocol/openid-connect/token`, {
      method: "POST",
      body: new URLSearchParams({ grant_type: "password", client_id: "admin-cli", username: "admin", password: admin }),
    });
    return ((await answer.json()) as { access_token: string }).access_token;
  };
  const ask = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(`${url}/admin/realms${path}`, {
      method,
      headers: { Authorization: `Bearer ${await token()}`, "Content-Type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`Keycloak: ${answer.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  try {
    await ask("POST", "", { enabled: true, components: { "org.keycloak.keys.KeyProvider": keys() }, ...realm });
  } catch (error) {
    await end();
    throw error;
  }
  return { issuer: `${url}/realms/${realm.realm}`, end, admin: (method, path, body) => ask(method, `/${realm.realm}${path}`, body) };
}
