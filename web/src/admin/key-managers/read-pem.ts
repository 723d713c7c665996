import { texts } from "../../texts";

const words = texts.admin.pastedKeys;

interface DER {
  tag: number;
  /** What it holds, without its tag and length. */
  body: Uint8Array;
}

/** The values that stand in a DER value one after the other (X.690); undefined where it is none. */
function valuesIn(bytes: Uint8Array): DER[] | undefined {
  const values: DER[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [tag, first] = [bytes[at], bytes[at + 1]];
    if (tag === undefined || first === undefined) return undefined;
    const long = first > 0x80 ? first - 0x80 : 0;
    const start = at + 2 + long;
    const length = long > 0 ? bytes.slice(at + 2, start).reduce((sum, byte) => sum * 256 + byte, 0) : first;
    if (long > 4 || start + length > bytes.length) return undefined;
    values.push({ tag, body: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return values;
}

const hex = (bytes: Uint8Array | undefined) => Array.from(bytes ?? [], (byte) => byte.toString(16).padStart(2, "0")).join("");

const inside = (value: DER | undefined) => (value?.tag === 0x30 ? valuesIn(value.body) : undefined);

// Object identifiers of keys and curves (RFC 3279, RFC 5480, RFC 8410).
const rsa = "2a864886f70d010101";
const ec = "2a8648ce3d0201";
const ed25519 = "2b6570";
const curves: Record<string, string> = { "2a8648ce3d030107": "P-256", "2b81040022": "P-384", "2b81040023": "P-521" };

function rsaKey(values: DER[] | undefined): string | undefined {
  const modulus = values?.[0]?.tag === 0x02 ? values[0].body : undefined;
  return modulus && `RSA, ${words.bits((modulus[0] === 0 ? modulus.length - 1 : modulus.length) * 8)}`;
}

// A SubjectPublicKeyInfo (RFC 5280, section 4.1).
function publicKey(values: DER[] | undefined): string | undefined {
  const [kind, curve] = inside(values?.[0]) ?? [];
  switch (hex(kind?.body)) {
    case rsa:
      return rsaKey(inside(valuesIn(values?.[1]?.body.subarray(1) ?? new Uint8Array())?.[0]));
    case ec:
      return curves[hex(curve?.body)] && `EC, ${curves[hex(curve?.body)] ?? ""}`;
    case ed25519:
      return "OKP, Ed25519";
    default:
      return undefined;
  }
}

function certified(values: DER[] | undefined): string | undefined {
  const parts = inside(values?.[0])?.filter((part) => part.tag !== 0xa0); // the version, where it is given
  const type = publicKey(inside(parts?.[5]));
  return type && words.certificate(type);
}

const readers: Record<string, (values: DER[] | undefined) => string | undefined> = {
  "PUBLIC KEY": publicKey,
  "RSA PUBLIC KEY": rsaKey,
  "CERTIFICATE": certified,
};

/**
 * The type of the key in a PEM block, or what is wrong with the block. WebCrypto would not do: it reads no certificate and no PKCS #1
 * key, and it is not there on a page without TLS.
 */
export function keyInPEM(label: string, base64: string): { type: string } | string {
  const reader = readers[label];
  if (!reader) return words.otherBlock(label);
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.from(atob(base64.replace(/\s/g, "")), (c) => c.charCodeAt(0));
  } catch {
    return words.noBase64;
  }
  const whole = valuesIn(bytes);
  if (whole?.length !== 1) return words.broken;
  const type = reader(inside(whole[0]));
  return type === undefined ? words.otherKey : { type };
}
