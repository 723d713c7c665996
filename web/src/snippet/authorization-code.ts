import { texts } from "../texts";
import { sh } from "./sh";
import { curlProof, goToken, members } from "./client-credentials";
import { formFields, lines, literal, snippetsOf, type Client, type Snippet } from "./text";

/** A client for people who sign in. */
interface PeoplesClient extends Client {
  authorizationEndpoint: string;
  callback: string;
}

/**
 * Code that gets a token of somebody who signs in: the authorization code flow with PKCE (RFC 7636). It has no server at the
 * callback: whoever signs in pastes the address at which their browser ends.
 */
export function authorizationCodeSnippets(client: PeoplesClient): Snippet[] {
  return snippetsOf({ curl: curl(client), go: go(client), javascript: javascript(client), python: python(client) });
}

const { ask, foreign } = texts.developer.snippets;

// The authorization request without what each run makes for itself.
function requestOf({ authorizationEndpoint: at, clientId, callback, scopes }: PeoplesClient): string {
  const query = new URLSearchParams({
    response_type: "code", client_id: clientId, redirect_uri: callback, code_challenge_method: "S256",
    ...(scopes.length > 0 && { scope: scopes.join(" ") }),
  });
  return `${at}${at.includes("?") ? "&" : "?"}${query.toString()}`;
}

const inForm = (client: PeoplesClient) => client.authentication !== "client_secret_basic";

// What is sent for the code, beside the code and the verifier.
function fieldsOf(client: PeoplesClient): [name: string, value: string][] {
  return [
    ["grant_type", "authorization_code"],
    ["redirect_uri", client.callback],
    ...(inForm(client) ? [["client_id", client.clientId] as [string, string]] : []),
  ];
}

// In brackets, so that a shell reads all of it before it asks; it needs openssl, as most machines have.
function curl(client: PeoplesClient): string {
  return `(
verifier=$(od -An -v -N32 -tx1 /dev/urandom | tr -d ' \\n')
state=$(od -An -v -N16 -tx1 /dev/urandom | tr -d ' \\n')
challenge=$(printf %s "$verifier" | openssl dgst -sha256 -binary | openssl base64 | tr '+/' '-_' | tr -d '=')
echo ${sh(ask)} >&2
echo ${sh(requestOf(client))}"&state=$state&code_challenge=$challenge" >&2
read -r back
case $back in *[?\\&]state=$state*) ;; *) echo ${sh(foreign)} >&2; exit 1 ;; esac
code=$(printf %s "$back" | sed -n 's/.*[?&]code=\\([^&#]*\\).*/\\1/p')
${lines(["curl -sS", ...curlProof(client), ...formFields(fieldsOf(client)), '-d "code=$code" -d "code_verifier=$verifier"', sh(client.tokenEndpoint)])}
)`;
}

const secretOf = ({ authentication, secret }: Client, environment: string) =>
  authentication === "none" ? undefined : secret === undefined ? environment : literal(secret);

function go(client: PeoplesClient): string {
  const secret = secretOf(client, 'os.Getenv("CLIENT_SECRET")');
  const posted = secret !== undefined && inForm(client) ? `\t\t"client_secret": {${secret}},\n` : "";
  return `package main

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
)

func main() {
	verifier, state := rand.Text()+rand.Text(), rand.Text()
	hash := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(hash[:])
	fmt.Fprintln(os.Stderr, ${literal(ask)})
	fmt.Fprintln(os.Stderr, ${literal(requestOf(client))}+"&state="+state+"&code_challenge="+challenge)
	pasted, err := bufio.NewReader(os.Stdin).ReadString('\\n')
	if err != nil {
		log.Fatal(err)
	}
	back, err := url.Parse(strings.TrimSpace(pasted))
	if err != nil || back.Query().Get("state") != state {
		log.Fatal(${literal(foreign)})
	}
	form := url.Values{
${fieldsOf(client).map(([name, value]) => `\t\t${literal(name)}: {${literal(value)}},\n`).join("")}${posted}		"code": {back.Query().Get("code")},
		"code_verifier": {verifier},
	}
	request, err := http.NewRequest("POST", ${literal(client.tokenEndpoint)}, strings.NewReader(form.Encode()))
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
${secret === undefined || inForm(client) ? "" : `	request.SetBasicAuth(url.QueryEscape(${literal(client.clientId)}), url.QueryEscape(${secret}))\n`}${goToken}
}`;
}

function javascript(client: PeoplesClient): string {
  const secret = secretOf(client, "process.env.CLIENT_SECRET");
  const fields: [string, string][] = [
    ...fieldsOf(client).map(([name, value]): [string, string] => [name, literal(value)]),
    ...(secret !== undefined && inForm(client) ? [["client_secret", secret] as [string, string]] : []),
    ["code", 'back.get("code")'],
    ["code_verifier", "verifier"],
  ];
  return `async function main() {
  const { createHash, randomBytes } = await import("node:crypto");
  const { createInterface } = await import("node:readline/promises");
  const verifier = randomBytes(32).toString("base64url");
  const state = randomBytes(16).toString("base64url");
  const challenge = createHash("sha256").update(verifier).digest("base64url");
  console.error(${literal(ask)});
  console.error(${literal(requestOf(client))} + "&state=" + state + "&code_challenge=" + challenge);
  const terminal = createInterface({ input: process.stdin });
  const back = new URL(await terminal.question("")).searchParams;
  terminal.close();
  if (back.get("state") !== state) throw new Error(${literal(foreign)});
  const answer = await fetch(${literal(client.tokenEndpoint)}, {
    method: "POST",
${secret === undefined || inForm(client) ? "" : `    headers: { Authorization: "Basic " + btoa(encodeURIComponent(${literal(client.clientId)}) + ":" + encodeURIComponent(${secret})) },\n`}    body: new URLSearchParams({
${members(fields, "      ")}    }),
  });
  if (!answer.ok) throw new Error(answer.status + " " + (await answer.text()));
  console.log((await answer.json()).access_token);
}

main();`;
}

function python(client: PeoplesClient): string {
  const secret = secretOf(client, 'os.environ["CLIENT_SECRET"]');
  const fields: [string, string][] = [
    ...fieldsOf(client).map(([name, value]): [string, string] => [literal(name), literal(value)]),
    ...(secret !== undefined && inForm(client) ? [['"client_secret"', secret] as [string, string]] : []),
    ['"code"', 'back["code"][0]'],
    ['"code_verifier"', "verifier"],
  ];
  const basic = secret !== undefined && !inForm(client);
  return `import base64, hashlib, json, os, secrets, sys, urllib.parse, urllib.request

def main():
    verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    print(${literal(ask)}, file=sys.stderr)
    print(${literal(requestOf(client))} + "&state=" + state + "&code_challenge=" + challenge, file=sys.stderr)
    back = urllib.parse.parse_qs(urllib.parse.urlsplit(input().strip()).query)
    assert back.get("state") == [state], ${literal(foreign)}
    form = urllib.parse.urlencode({
${members(fields, "        ")}    })
${basic ? `    quote = urllib.parse.quote_plus
    basic = base64.b64encode((quote(${literal(client.clientId)}) + ":" + quote(${secret})).encode()).decode()
` : ""}    headers = {${basic ? '"Authorization": "Basic " + basic' : ""}}
    request = urllib.request.Request(${literal(client.tokenEndpoint)}, form.encode(), headers)
    print(json.load(urllib.request.urlopen(request))["access_token"])

main()`;
}
