import { sh } from "./sh";

/** A piece of code in one language, which runs as it is pasted. */
export interface Snippet {
  name: "curl" | "go" | "javascript" | "python";
  label: string;
  code: string;
}

/** A client at its key manager, as code needs it. */
export interface Client {
  tokenEndpoint: string;
  clientId: string;
  /** Without it, code takes the secret from CLIENT_SECRET in the environment. */
  secret?: string;
  /** How it authenticates: client_secret_basic, client_secret_post or none. */
  authentication: string;
  /** What a token is asked for; empty leaves it to the server. */
  scopes: string[];
}

/** Puts code into its order and gives each piece its title. */
export function snippetsOf(code: Record<Snippet["name"], string>): Snippet[] {
  return [
    { name: "curl", label: "curl", code: code.curl },
    { name: "go", label: "Go", code: code.go },
    { name: "javascript", label: "JavaScript", code: code.javascript },
    { name: "python", label: "Python", code: code.python },
  ];
}

/** A text as a literal of Go, JavaScript and Python alike. */
export function literal(text: string): string {
  return JSON.stringify(text).replaceAll("\u{feff}", "\\ufeff"); // which Go takes within a literal alone
}

/** A text as an HTML form writes it: RFC 6749, section 2.3.1, wants a client's id and secret so in Basic authentication. */
export function formEncoded(text: string): string {
  return new URLSearchParams([["", text]]).toString().slice(1);
}

/** A form's fields, each as an argument of curl in sh. */
export function formFields(fields: [name: string, value: string][]): string[] {
  return fields.map(([name, value]) => (/^[\w.~-]*$/.test(value) ? `-d ${name}=${value}` : `--data-urlencode ${sh(`${name}=${value}`)}`));
}

/** A command of sh over several lines. */
export function lines(parts: string[]): string {
  return parts.join(" \\\n  ");
}
