// A real authorization server for the tests: npm's oidc-provider on loopback, with a second listener through which a
// test turns its keys and faults. It prints one line of JSON, {"issuer", "control"}, when both listen.
//
// Environment: ISSUER_PATH ("" or "/tenant1"), ALG (RS256), TTL (seconds), INITIAL_ACCESS_TOKEN, ROTATE_RAT=1 (a new
// registration access token with each update), INTROSPECTOR_KEYS (the JWK set of the client introspector-jwt).
import { createServer } from 'node:http';
import { createPrivateKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import Provider, { errors } from 'oidc-provider';

const settings = {
  path: process.env.ISSUER_PATH ?? '',
  alg: process.env.ALG ?? 'RS256',
  ttl: Number(process.env.TTL ?? 3600),
  initialAccessToken: process.env.INITIAL_ACCESS_TOKEN ?? 'initial-access-token-for-tests',
  rotate: process.env.ROTATE_RAT === '1',
  introspectorKeys: process.env.INTROSPECTOR_KEYS,
};
const scope = 'read write admin orders:read orders:write';

// Keyring holds the signing keys. A published key can be verified with; one of them signs.
class Keyring {
  constructor(alg) {
    this.alg = alg;
    this.published = [];
    this.add();
    this.promote();
  }

  add() {
    const curve = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[this.alg];
    // The pair comes as text and its private half is read from that: exporting a generated KeyObject deadlocks Node 20
    // now and then, when the other half, which shares its lock, is collected meanwhile.
    const form = {
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' },
    };
    let pair;
    if (curve) pair = generateKeyPairSync('ec', { namedCurve: curve, ...form });
    else if (this.alg === 'EdDSA' || this.alg === 'Ed25519') pair = generateKeyPairSync('ed25519', form);
    else pair = generateKeyPairSync('rsa', { modulusLength: 2048, ...form });
    const jwk = createPrivateKey(pair.privateKey).export({ format: 'jwk' });
    this.published.push({ ...jwk, kid: randomUUID(), alg: this.alg, use: 'sig' });
  }

  promote() { this.signer = this.published.at(-1).kid; }

  retire() {
    this.published = this.published.slice(-1);
    this.promote();
  }

  describe() { return { kids: this.published.map((k) => k.kid), signer: this.signer }; }
}

// Memory keeps clients and tokens across the providers that are built anew with each change of keys.
class Memory {
  static rows = new Map();

  constructor(model) { this.model = model; }

  key(id) { return `${this.model}/${id}`; }

  async upsert(id, payload, seconds) {
    Memory.rows.set(this.key(id), { payload, until: seconds ? Date.now() + seconds * 1000 : Infinity });
  }

  async find(id) {
    const row = Memory.rows.get(this.key(id));
    return row && row.until > Date.now() ? { ...row.payload } : undefined;
  }

  async consume(id) {
    const row = Memory.rows.get(this.key(id));
    if (row) row.payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) { Memory.rows.delete(this.key(id)); }

  async search(matches) {
    for (const [key, { payload }] of Memory.rows) {
      if (key.startsWith(`${this.model}/`) && matches(payload)) return { ...payload };
    }
    return undefined;
  }

  findByUid(uid) { return this.search((p) => p.uid === uid); }

  findByUserCode(code) { return this.search((p) => p.userCode === code); }

  async revokeByGrantId(grant) {
    for (const [key, { payload }] of Memory.rows) if (payload.grantId === grant) Memory.rows.delete(key);
  }

  static clients() {
    return [...Memory.rows].filter(([key]) => key.startsWith('Client/')).map(([, { payload }]) => payload);
  }
}

const keys = new Keyring(settings.alg);
let faults = [];
let answer;

const resources = {
  'urn:test:jwt': { accessTokenFormat: 'jwt', audience: 'urn:test:jwt' },
  'urn:test:opaque': { accessTokenFormat: 'opaque', audience: 'urn:test:opaque' },
};

function build(issuer) {
  const provider = new Provider(issuer, {
    adapter: Memory,
    jwks: { keys: keys.published },
    scopes: ['openid', 'offline_access', ...scope.split(' ')],
    clients: [{
      client_id: 'introspector', client_secret: 'introspector-secret-0123456789abcdef',
      grant_types: [], response_types: [], redirect_uris: [],
    }, ...(settings.introspectorKeys ? [{
      client_id: 'introspector-jwt', token_endpoint_auth_method: 'private_key_jwt', jwks: JSON.parse(settings.introspectorKeys),
      grant_types: [], response_types: [], redirect_uris: [],
    }] : [])],
    clientDefaults: {
      grant_types: ['client_credentials'], response_types: [], redirect_uris: [],
      id_token_signed_response_alg: settings.alg,
    },
    enabledJWA: { idTokenSigningAlgValues: [settings.alg] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      registration: { enabled: true, initialAccessToken: settings.initialAccessToken },
      registrationManagement: { enabled: true, rotateRegistrationAccessToken: settings.rotate },
      introspection: {
        enabled: true,
        allowedPolicy: (ctx, client, token) => client.clientId.startsWith('introspector') || client.clientId === token.clientId,
      },
      revocation: { enabled: true, allowedPolicy: (ctx, client, token) => client.clientId === token.clientId },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:test:jwt',
        useGrantedResource: () => true,
        getResourceServerInfo(ctx, resource) {
          if (!resources[resource]) throw new errors.InvalidTarget();
          const jwt = { sign: { alg: settings.alg, kid: keys.signer } };
          return { ...resources[resource], scope, accessTokenTTL: settings.ttl, jwt };
        },
      },
    },
    ttl: { ClientCredentials: settings.ttl },
    cookies: { keys: ['not a secret: nobody signs in here'] },
  });
  answer = provider.callback();
}

// mounted strips the issuer's path, and answers the RFC 8414 form of the metadata address, which has it at the end.
function mounted(req) {
  if (!settings.path) return true;
  const metadata = '/.well-known/oauth-authorization-server';
  const original = req.url;
  if (original === metadata + settings.path) req.url = metadata;
  else if (original.startsWith(`${settings.path}/`)) req.url = original.slice(settings.path.length);
  else return false;
  req.originalUrl = settings.path + req.url;
  return true;
}

function serve(req, res) {
  const fault = faults.find((f) => req.url.startsWith(settings.path + f.path) && f.times > 0);
  if (fault) fault.times -= 1;
  setTimeout(() => {
    if (fault?.hangUp) return res.destroy();
    if (fault?.status) {
      res.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers });
      return res.end(fault.body ?? '{"error":"temporarily_unavailable"}');
    }
    if (!mounted(req)) return res.writeHead(404).end();
    return answer(req, res);
  }, fault?.delay ?? 0);
}

const commands = {
  'POST /keys/add': () => { keys.add(); build(issuer); return keys.describe(); },
  'POST /keys/retire': () => { keys.retire(); build(issuer); return keys.describe(); },
  'PUT /faults': (body) => { faults = body.map((f) => ({ times: 1, ...f })); return faults; },
  'GET /clients': () => Memory.clients().map((c) => ({ id: c.client_id, name: c.client_name ?? '' })),
};

async function control(req, res) {
  let body = '';
  for await (const chunk of req) body += chunk;
  const command = commands[`${req.method} ${req.url}`];
  if (!command) return res.writeHead(404).end();
  res.setHeader('content-type', 'application/json');
  return res.end(JSON.stringify(command(body ? JSON.parse(body) : undefined)));
}

async function listen(handler) {
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${server.address().port}`;
}

const issuer = (await listen(serve)) + settings.path;
build(issuer);
console.log(JSON.stringify({ issuer, control: await listen(control) }));
