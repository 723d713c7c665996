import { sh } from "./sh";
import { lines, literal, snippetsOf, type Snippet } from "./text";

/** A call of an API. */
export interface Call {
  method: string;
  url: string;
  fields: { name: string; value: string }[];
  body: string;
  /** It carries a token, which code takes from TOKEN in the environment. */
  credential: boolean;
}

/** Code that sends the call and prints what comes back. */
export function callSnippets(call: Call): Snippet[] {
  return snippetsOf({ curl: curl(call), go: go(call), javascript: javascript(call), python: python(call) });
}

function curl({ method, url, fields, body, credential }: Call): string {
  return lines([
    `curl ${method === "HEAD" ? "-I" : "-i"}${/[[\]{}]/.test(url) ? " -g" : ""}`,
    ...(method === "HEAD" || (method === "GET" && !body) || (method === "POST" && body) ? [] : [`-X ${method}`]),
    ...(credential ? ['-H "Authorization: Bearer $TOKEN"'] : []),
    ...fields.map((f) => `-H ${sh(f.value === "" ? `${f.name};` : `${f.name}: ${f.value}`)}`),
    ...(body ? [`--data-raw ${sh(body)}`] : []),
    sh(url),
  ]);
}

function go({ method, url, fields, body, credential }: Call): string {
  return `package main

import (
	"io"
	"log"
	"net/http"
	"os"
${body ? '\t"strings"\n' : ""})

func main() {
	request, err := http.NewRequest(${literal(method)}, ${literal(url)}, ${body ? `strings.NewReader(${literal(body)})` : "nil"})
	if err != nil {
		log.Fatal(err)
	}
${credential ? '\trequest.Header.Set("Authorization", "Bearer "+os.Getenv("TOKEN"))\n' : ""}${fields.map((f) => `\trequest.Header.Add(${literal(f.name)}, ${literal(f.value)})\n`).join("")}	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	log.Print(answer.Status)
	io.Copy(os.Stdout, answer.Body)
}`;
}

function javascript({ method, url, fields, body, credential }: Call): string {
  const headers = [
    ...(credential ? ['["Authorization", "Bearer " + process.env.TOKEN]'] : []),
    ...fields.map((f) => `[${literal(f.name)}, ${literal(f.value)}]`),
  ];
  return `async function main() {
  const answer = await fetch(${literal(url)}, {
    method: ${literal(method)},
    headers: [${headers.join(", ")}],
${body ? `    body: ${literal(body)},\n` : ""}  });
  console.error(answer.status, answer.statusText);
  console.log(await answer.text());
}

main();`;
}

function python({ method, url, fields, body, credential }: Call): string {
  return `import os, sys, urllib.error, urllib.request

def main():
    request = urllib.request.Request(${literal(url)}, method=${literal(method)}${body ? `, data=${literal(body)}.encode()` : ""})
${credential ? '    request.add_header("Authorization", "Bearer " + os.environ["TOKEN"])\n' : ""}${fields.map((f) => `    request.add_header(${literal(f.name)}, ${literal(f.value)})\n`).join("")}    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as refused:
        answer = refused
    print(answer.status, answer.reason, file=sys.stderr)
    print(answer.read().decode())

main()`;
}
