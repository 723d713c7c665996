import { sh } from "./sh";
import { formEncoded, formFields, lines, literal, snippetsOf, type Client, type Snippet } from "./text";

/** Code of a program that gets a token by client credentials (RFC 6749, section 4.4). */
export function clientCredentialsSnippets(client: Client): Snippet[] {
  return snippetsOf({ curl: curl(client), go: go(client), javascript: javascript(client), python: python(client) });
}

const isPost = (client: Client) => client.authentication === "client_secret_post";

// What is sent beside the secret.
function fieldsOf(client: Client): [name: string, value: string][] {
  return [
    ["grant_type", "client_credentials"],
    ...(client.scopes.length > 0 ? [["scope", client.scopes.join(" ")] as [string, string]] : []),
    ...(isPost(client) ? [["client_id", client.clientId] as [string, string]] : []),
  ];
}

/** How curl proves that it is the client: as an argument, the secret from the environment where there is none. */
export function curlProof({ clientId, secret, authentication }: Client): string[] {
  if (authentication === "none") return [];
  if (authentication === "client_secret_post") {
    return [`--data-urlencode ${secret === undefined ? '"client_secret=$CLIENT_SECRET"' : sh(`client_secret=${secret}`)}`];
  }
  const id = formEncoded(clientId);
  if (secret !== undefined) return [`-u ${sh(`${id}:${formEncoded(secret)}`)}`];
  // Of a secret these two alone mean something else to who decodes a form.
  return [`-u ${sh(`${id}:`)}"$(printf %s "$CLIENT_SECRET" | sed 's/%/%25/g; s/+/%2B/g')"`];
}

function curl(client: Client): string {
  return lines(["curl -sS", ...curlProof(client), ...formFields(fieldsOf(client)), sh(client.tokenEndpoint)]);
}

function go(client: Client): string {
  const { clientId, secret, tokenEndpoint } = client;
  const value = secret === undefined ? 'os.Getenv("CLIENT_SECRET")' : literal(secret);
  const basic = `	request.SetBasicAuth(url.QueryEscape(${literal(clientId)}), url.QueryEscape(${value}))\n`;
  return `package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
${secret === undefined ? '\t"os"\n' : ""}	"strings"
)

func main() {
	form := url.Values{
${fieldsOf(client).map(([name, text]) => `\t\t${literal(name)}: {${literal(text)}},\n`).join("")}${isPost(client) ? `\t\t"client_secret": {${value}},\n` : ""}	}
	request, err := http.NewRequest("POST", ${literal(tokenEndpoint)}, strings.NewReader(form.Encode()))
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
${isPost(client) ? "" : basic}${goToken}
}`;
}

/** The end of a program in Go that sends a request for a token and prints it. */
export const goToken = `	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	var token struct {
		AccessToken string \`json:"access_token"\`
		Error       string \`json:"error"\`
		Description string \`json:"error_description"\`
	}
	if err := json.NewDecoder(answer.Body).Decode(&token); err != nil {
		log.Fatal(answer.Status, ": ", err)
	}
	if token.AccessToken == "" {
		log.Fatal(answer.Status, ": ", token.Error, " ", token.Description)
	}
	fmt.Println(token.AccessToken)`;

/** The fields of a form as members of an object in JavaScript or Python. */
export function members(fields: [name: string, value: string][], indent: string): string {
  return fields.map(([name, value]) => `${indent}${name}: ${value},\n`).join("");
}

function javascript(client: Client): string {
  const { clientId, secret, tokenEndpoint } = client;
  const fields = fieldsOf(client).map(([name, value]): [string, string] => [name, literal(value)]);
  const basic = `    headers: { Authorization: "Basic " + btoa(encodeURIComponent(${literal(clientId)}) + ":" + encodeURIComponent(secret)) },\n`;
  return `async function main() {
  const secret = ${secret === undefined ? "process.env.CLIENT_SECRET" : literal(secret)};
  const answer = await fetch(${literal(tokenEndpoint)}, {
    method: "POST",
${isPost(client) ? "" : basic}    body: new URLSearchParams({
${members([...fields, ...(isPost(client) ? [["client_secret", "secret"] as [string, string]] : [])], "      ")}    }),
  });
  if (!answer.ok) throw new Error(answer.status + " " + (await answer.text()));
  console.log((await answer.json()).access_token);
}

main();`;
}

function python(client: Client): string {
  const { clientId, secret, tokenEndpoint } = client;
  const fields = fieldsOf(client).map(([name, value]): [string, string] => [literal(name), literal(value)]);
  const basic = `    quote = urllib.parse.quote_plus
    basic = base64.b64encode((quote(${literal(clientId)}) + ":" + quote(secret)).encode()).decode()
`;
  return `import ${isPost(client) ? "" : "base64, "}json${secret === undefined ? ", os" : ""}, urllib.parse, urllib.request

def main():
    secret = ${secret === undefined ? 'os.environ["CLIENT_SECRET"]' : literal(secret)}
${isPost(client) ? "" : basic}    form = urllib.parse.urlencode({
${members([...fields, ...(isPost(client) ? [['"client_secret"', "secret"] as [string, string]] : [])], "        ")}    })
    headers = {${isPost(client) ? "" : '"Authorization": "Basic " + basic'}}
    request = urllib.request.Request(${literal(tokenEndpoint)}, form.encode(), headers)
    print(json.load(urllib.request.urlopen(request))["access_token"])

main()`;
}
