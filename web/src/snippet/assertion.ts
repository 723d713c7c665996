import { texts } from "../texts";
import { sh } from "./sh";
import { goToken, members } from "./client-credentials";
import { formFields, lines, literal, snippetsOf, type Client, type Snippet } from "./text";

/** A client that proves itself with a private key. */
export interface SigningClient extends Client {
  /** For whom its server wants assertions to be. */
  assertionAudience: string;
}

/** The file from which code takes the private key. */
export const keyFile = "client-key.pem";

/**
 * Code of a program that gets a token by client credentials, and proves that it is the client by an assertion that it signs
 * (RFC 7523, section 2.2). In sh, openssl signs with RSA keys alone: of others it does not write signatures as a JWS has them.
 */
export function assertionSnippets(client: SigningClient): Snippet[] {
  return snippetsOf({ curl: curl(client), go: go(client), javascript: javascript(client), python: python(client) });
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

// What is sent beside the assertion.
function fieldsOf({ clientId, scopes }: SigningClient): [name: string, value: string][] {
  return [
    ["grant_type", "client_credentials"],
    ...(scopes.length > 0 ? [["scope", scopes.join(" ")] as [string, string]] : []),
    ["client_id", clientId],
    ["client_assertion_type", assertionType],
  ];
}

// What every assertion of the client says.
const claimsOf = ({ clientId, assertionAudience }: SigningClient) => ({ iss: clientId, sub: clientId, aud: assertionAudience });

// In brackets, so that a shell reads all of it before it begins.
function curl(client: SigningClient): string {
  const claims = JSON.stringify(claimsOf(client)).slice(0, -1);
  return `(
key_file=${keyFile}
key_id=
openssl rsa -in "$key_file" -noout || exit 1
encode() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
now=$(date +%s)
header=$(printf %s '{"alg":"RS256","typ":"JWT"' "\${key_id:+,\\"kid\\":\\"$key_id\\"}}" | encode)
claims=$(printf %s ${sh(claims)} ",\\"jti\\":\\"$(openssl rand -hex 16)\\",\\"iat\\":$now,\\"exp\\":$((now + 60))}" | encode)
signature=$(printf %s "$header.$claims" | openssl dgst -sha256 -sign "$key_file" -binary | encode)
${lines(["curl -sS", ...formFields(fieldsOf(client)), '-d "client_assertion=$header.$claims.$signature"', sh(client.tokenEndpoint)])}
)`;
}

function go(client: SigningClient): string {
  const { iss, sub, aud } = claimsOf(client);
  return `package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	keyFile = ${literal(keyFile)}
	keyID   = ""
)

func main() {
	now := time.Now().Unix()
	form := url.Values{
${fieldsOf(client).map(([name, value]) => `\t\t${literal(name)}: {${literal(value)}},\n`).join("")}		"client_assertion": {sign(map[string]any{
			"iss": ${literal(iss)}, "sub": ${literal(sub)}, "aud": ${literal(aud)},
			"jti": rand.Text(), "iat": now, "exp": now + 60,
		})},
	}
	request, err := http.NewRequest("POST", ${literal(client.tokenEndpoint)}, strings.NewReader(form.Encode()))
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
${goToken}
}

${goSign}`;
}

// How the program in Go reads the key and signs with it.
const goSign = `func sign(claims map[string]any) string {
	file, err := os.ReadFile(keyFile)
	if err != nil {
		log.Fatal(err)
	}
	key, err := privateKey(file)
	if err != nil {
		log.Fatal(keyFile, ": ", err)
	}
	header := map[string]string{"alg": "RS256", "typ": "JWT"}
	if _, is := key.(*ecdsa.PrivateKey); is {
		header["alg"] = "ES256"
	}
	if keyID != "" {
		header["kid"] = keyID
	}
	unsigned := encode(header) + "." + encode(claims)
	digest := sha256.Sum256([]byte(unsigned))
	var signature []byte
	switch key := key.(type) {
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
		if err != nil {
			log.Fatal(err)
		}
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			log.Fatal(err)
		}
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	default:
		log.Fatal(keyFile, ": ", ${literal(texts.developer.snippets.otherKey)})
	}
	return unsigned + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func encode(part any) string {
	text, err := json.Marshal(part)
	if err != nil {
		log.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func privateKey(file []byte) (any, error) {
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "RSA PRIVATE KEY":
			return x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			return x509.ParseECPrivateKey(block.Bytes)
		case "PRIVATE KEY":
			return x509.ParsePKCS8PrivateKey(block.Bytes)
		}
	}
	return nil, errors.New(${literal(texts.developer.snippets.noKey)})
}`;

function javascript(client: SigningClient): string {
  const { iss, sub, aud } = claimsOf(client);
  const fields = fieldsOf(client).map(([name, value]): [string, string] => [name, literal(value)]);
  return `const keyFile = ${literal(keyFile)};
const keyId = "";

async function main() {
  const { createPrivateKey, randomUUID, sign } = await import("node:crypto");
  const { readFile } = await import("node:fs/promises");
  const key = createPrivateKey(await readFile(keyFile));
  const header = { alg: key.asymmetricKeyType === "ec" ? "ES256" : "RS256", typ: "JWT", ...(keyId && { kid: keyId }) };
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: ${literal(iss)}, sub: ${literal(sub)}, aud: ${literal(aud)}, jti: randomUUID(), iat: now, exp: now + 60 };
  const unsigned = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const signature = sign("sha256", Buffer.from(unsigned), { key, dsaEncoding: "ieee-p1363" }).toString("base64url");
  const answer = await fetch(${literal(client.tokenEndpoint)}, {
    method: "POST",
    body: new URLSearchParams({
${members([...fields, ["client_assertion", 'unsigned + "." + signature']], "      ")}    }),
  });
  if (!answer.ok) throw new Error(answer.status + " " + (await answer.text()));
  console.log((await answer.json()).access_token);
}

main();`;
}

// Python's own library signs nothing: openssl does, as in sh.
function python(client: SigningClient): string {
  const { iss, sub, aud } = claimsOf(client);
  const fields = fieldsOf(client).map(([name, value]): [string, string] => [literal(name), literal(value)]);
  return `import base64, json, secrets, subprocess, time, urllib.parse, urllib.request

key_file = ${literal(keyFile)}
key_id = ""

def encode(part):
    return base64.urlsafe_b64encode(part).decode().rstrip("=")

def openssl(*arguments, input=b""):
    return subprocess.run(["openssl", *arguments], input=input, stdout=subprocess.PIPE, check=True).stdout

def main():
    rsa = b"Modulus" in openssl("pkey", "-in", key_file, "-noout", "-text_pub")
    header = {"alg": "RS256" if rsa else "ES256", "typ": "JWT"}
    if key_id:
        header["kid"] = key_id
    now = int(time.time())
    claims = {"iss": ${literal(iss)}, "sub": ${literal(sub)}, "aud": ${literal(aud)}, "jti": secrets.token_hex(16), "iat": now, "exp": now + 60}
    unsigned = encode(json.dumps(header).encode()) + "." + encode(json.dumps(claims).encode())
    signature = openssl("dgst", "-sha256", "-sign", key_file, "-binary", input=unsigned.encode())
    if not rsa:
        at = 4 + signature[3]
        signature = b"".join(n.lstrip(b"\\0").rjust(32, b"\\0") for n in (signature[4:at], signature[at + 2:]))
    form = urllib.parse.urlencode({
${members([...fields, ['"client_assertion"', 'unsigned + "." + encode(signature)']], "        ")}    })
    request = urllib.request.Request(${literal(client.tokenEndpoint)}, form.encode())
    print(json.load(urllib.request.urlopen(request))["access_token"])

main()`;
}
