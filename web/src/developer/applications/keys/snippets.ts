import { sh } from "../../../ui/sh";

/** A piece of code that gets a token, in one language. */
export interface Snippet {
  name: string;
  label: string;
  code: string;
}

interface Client {
  endpoint: string;
  clientId: string;
  secret?: string;
}

const json = (text: string) => JSON.stringify(text);

/** Code that runs as it is pasted. Without a secret it takes CLIENT_SECRET from the environment. */
export function snippets(client: Client): Snippet[] {
  return [
    { name: "curl", label: "curl", code: curl(client) },
    { name: "go", label: "Go", code: go(client) },
    { name: "javascript", label: "JavaScript", code: javascript(client) },
    { name: "python", label: "Python", code: python(client) },
  ];
}

function curl({ endpoint, clientId, secret }: Client): string {
  const user = secret === undefined ? `${sh(clientId + ":")}"$CLIENT_SECRET"` : sh(`${clientId}:${secret}`);
  return `curl -sS -u ${user} -d grant_type=client_credentials ${sh(endpoint)}`;
}

function go({ endpoint, clientId, secret }: Client): string {
  return `package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
${secret === undefined ? '\t"os"\n' : ""}	"strings"
)

func main() {
	form := url.Values{"grant_type": {"client_credentials"}}
	request, err := http.NewRequest("POST", ${json(endpoint)}, strings.NewReader(form.Encode()))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(${json(clientId)}, ${secret === undefined ? 'os.Getenv("CLIENT_SECRET")' : json(secret)})
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	var token struct {
		AccessToken string \`json:"access_token"\`
	}
	if err := json.NewDecoder(answer.Body).Decode(&token); err != nil {
		panic(err)
	}
	fmt.Println(token.AccessToken)
}`;
}

function javascript({ endpoint, clientId, secret }: Client): string {
  return `const secret = ${secret === undefined ? "process.env.CLIENT_SECRET" : json(secret)};
const answer = await fetch(${json(endpoint)}, {
  method: "POST",
  headers: { Authorization: "Basic " + btoa(${json(clientId)} + ":" + secret) },
  body: new URLSearchParams({ grant_type: "client_credentials" }),
});
console.log((await answer.json()).access_token);`;
}

function python({ endpoint, clientId, secret }: Client): string {
  return `import base64, json, urllib.request
${secret === undefined ? "import os\n" : ""}
secret = ${secret === undefined ? 'os.environ["CLIENT_SECRET"]' : json(secret)}
basic = base64.b64encode((${json(clientId)} + ":" + secret).encode()).decode()
request = urllib.request.Request(
    ${json(endpoint)},
    data=b"grant_type=client_credentials",
    headers={"Authorization": "Basic " + basic},
)
print(json.load(urllib.request.urlopen(request))["access_token"])`;
}
