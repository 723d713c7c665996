// Package draft owns the first manifest of a key manager: what an authorization server's metadata gives of it, whose
// product the server seems to be, and what a person should know before applying it. It does not own what a declaration
// means, and stores nothing.
package draft

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/wire"
)

// Draft is a manifest that apply takes once its references can be resolved, with what should be known of it.
type Draft struct {
	Type     keyward.KeyManagerType   `json:"type"`
	Why      string                   `json:"why" doc:"Why this type"`
	Manifest map[string]any           `json:"manifest" doc:"As the command line takes it: {env: NAME} stands for what only you know"`
	Findings []Finding                `json:"findings"`
	Metadata keyward.KeyManagerStatus `json:"metadata" doc:"What discovery gives, and can be left out of the manifest"`
}

// Finding is something that differs from what one would expect.
type Finding struct {
	Level   string `json:"level" doc:"warn or note"`
	Field   string `json:"field" doc:"Where in the manifest it matters"`
	Message string `json:"message"`
}

// The levels of findings.
const (
	Warn = "warn"
	Note = "note"
)

// Ask is what a person gives.
type Ask struct {
	URL  string                 // an issuer, or the address of its metadata
	Type keyward.KeyManagerType // empty: what the metadata looks like
	Name string                 // empty: made of the host's name

	Proxy string // as in spec.outbound
	CA    string // as in spec.outbound
}

// Of reads the metadata at the address and fills in a manifest. A refusal names the field of the question, or is that of
// discovery.
func Of(ctx context.Context, ask Ask, client *http.Client) (*Draft, error) {
	at := strings.TrimSpace(ask.URL)
	if fault := connector.URLFault(at); fault != "" {
		return nil, keyward.Invalid([]keyward.FieldError{keyward.Fault("url", "%s", fault)})
	}
	if ask.Name == "" {
		ask.Name = nameOf(at)
	}
	if !keyward.ValidName(ask.Name) {
		return nil, keyward.Invalid([]keyward.FieldError{keyward.Fault("name", "%q is not a DNS label", ask.Name)})
	}
	found, err := keymanager.Look(ctx, at, client)
	if err != nil {
		return nil, err
	}
	d := &Draft{Type: ask.Type, Why: "as asked for", Findings: []Finding{}, Metadata: found.Status}
	if d.Type == "" {
		d.Type, d.Why = recognize(found)
	}
	t, ok := catalog.TypeOf(d.Type)
	if !ok || d.Type == keyward.TypeResident {
		return nil, keyward.Invalid([]keyward.FieldError{keyward.Fault("type",
			"%q is not a type of server; keyward keymanager types lists them",
			d.Type)})
	}
	if found.Many && !t.Many {
		return nil, keyward.Invalid([]keyward.FieldError{keyward.Fault("type",
			"must be %s: the metadata are those of every organization", keyward.TypeEntra)})
	}
	spec := map[string]any{"type": string(d.Type)}
	if found.Discovery != "" {
		spec["discovery"] = found.Discovery
	}
	if found.Discovery != found.Status.Issuer { // the metadata are elsewhere, so that the issuer has to be written down
		spec["issuer"] = found.Status.Issuer
	}
	if way := ask.way(); len(way) > 0 {
		spec["outbound"] = way
	}
	d.Manifest = map[string]any{
		"apiVersion": keyward.APIVersion, "kind": string(keyward.KindKeyManager),
		"metadata": map[string]any{"name": ask.Name}, "spec": spec,
	}
	d.look(at, found)
	d.require(spec, t, ask.Name, found)
	d.keys(ctx, client)
	return d, nil
}

// way is how the server is reached, for the manifest.
func (a Ask) way() map[string]any {
	way := map[string]any{}
	if a.Proxy != "" {
		way["proxy"] = a.Proxy
	}
	if a.CA != "" {
		way["ca"] = a.CA
	}
	return way
}

// nameOf makes a DNS label of the address: the first part of the host that tells it from others.
func nameOf(at string) string {
	u, err := url.Parse(at)
	if err != nil {
		return "corp"
	}
	for _, part := range strings.Split(strings.ToLower(u.Hostname()), ".") {
		if !slices.Contains([]string{"www", "login", "sso", "auth", "id", "idp", "accounts", "api"},
			part) && keyward.ValidName(part) &&
			!regexp.MustCompile(`^[0-9]+$`).MatchString(part) {
			return part
		}
	}
	return "corp"
}

func (d *Draft) add(level, field, format string, args ...any) {
	d.Findings = append(d.Findings, Finding{Level: level, Field: field, Message: fmt.Sprintf(format, args...)})
}

// look flags what differs from a server that everything works with.
func (d *Draft) look(at string, found *keymanager.Found) {
	s := found.Status
	if found.Differs != "" {
		d.add(Warn, "spec.discovery", "%s", found.Differs)
	}
	for _, note := range s.Notes {
		d.add(Warn, "spec.discovery", "%s", note)
	}
	if u, err := url.Parse(at); err == nil && u.Scheme == "http" && !slices.Contains([]string{"localhost",
		"127.0.0.1", "::1"}, u.Hostname()) {
		d.add(Warn, "spec.discovery", "the server is reached without TLS: tokens, keys and secrets pass in the clear")
	}
	weak := slices.DeleteFunc(wire.ListOf(found.Document, "id_token_signing_alg_values_supported"),
		func(alg string) bool { return alg != "none" && !strings.HasPrefix(alg, "HS") })
	if len(weak) > 0 {
		d.add(Note, "spec.tokens.algorithms",
			"the server offers %s for ID tokens: see to it that access tokens are signed with a key "+
				"pair; Keyward takes no others", strings.Join(weak, ", "))
	}
	if len(s.AuthMethods) > 0 && !slices.Contains(s.AuthMethods,
		"client_secret_basic") && !slices.Contains(s.AuthMethods, "client_secret_post") {
		d.add(Warn, "spec.connection", "the server's token endpoint takes no client secrets, only %s",
			strings.Join(s.AuthMethods, ", "))
	}
	if len(s.GrantTypes) > 0 && !slices.Contains(s.GrantTypes, "client_credentials") {
		d.add(Note, "spec.clients.grantTypes", "the server does not offer client_credentials, only %s",
			strings.Join(s.GrantTypes, ", "))
	}
	var named bool
	if s.Endpoints.Authorization != "" &&
		(json.Unmarshal(found.Document["authorization_response_iss_parameter_supported"], &named) != nil || !named) {
		d.add(Note, "spec.signIn", "the server does not name itself in its answers to sign-ins (iss, RFC 9207): whoever uses "+
			"several servers needs a redirect URI of its own for each")
	}
	if s.Endpoints.Token == "" {
		d.add(Warn, "spec.endpoints.token",
			"the metadata names no token endpoint: developers cannot be told where to get tokens")
	}
	d.add(Note, "spec.tokens.audiences",
		"tokens for any audience are taken: list the aud that tokens for your gateway have")
}

// require puts in what discovered facts make necessary.
func (d *Draft) require(spec map[string]any, t connector.Type, name string, found *keymanager.Found) {
	s := d.Metadata
	env := func(field string) map[string]any { return map[string]any{"env": variable(name, field)} }
	if found.Many {
		spec["tokens"] = map[string]any{"match": []any{map[string]any{"claims": map[string]any{"tid": "TENANT-ID"}}}}
		d.add(Warn, "spec.tokens.match", "list the organizations whose tokens are taken, one entry for each, in the place of TENANT-ID; "+
			"for one organization alone, give the address of its own metadata")
	} else if fields := connectionOf(d.Type); len(fields) > 0 {
		connection := map[string]any{}
		for _, f := range fields {
			connection[f] = env(f)
		}
		spec["connection"] = connection
		d.add(Note, "spec.connection",
			"creates and manages clients; docs/connectors.md says which rights it needs. Without it, map clients "+
				"that exist and set clients.create: false")
	} else if d.Type == keyward.TypeOIDC && s.Endpoints.Registration == "" {
		spec["clients"] = map[string]any{"create": false}
		d.add(Warn, "spec.endpoints.registration",
			"the metadata names no registration endpoint: no clients can be made, existing ones are mapped")
	} else if d.Type == keyward.TypeOIDC {
		d.add(Note, "spec.connection.initialAccessToken",
			"give the token that the registration endpoint asks for, where it is not open")
	}
	switch {
	case s.Endpoints.Introspection == "":
		d.add(Note, "spec.introspection", "the metadata names no introspection endpoint: opaque tokens are refused")
	case s.JWKS == "" && t.Introspects():
		spec["introspection"] = map[string]any{"clientId": env("introspectionClientId"),
			"clientSecret": env("introspectionClientSecret")}
		spec["tokens"] = map[string]any{"match": []any{map[string]any{"regex": "[A-Za-z0-9._~+/-]{20,}"}}}
		d.add(Warn, "spec.tokens.match",
			"the server publishes no keys, so its tokens are asked about; narrow the expression to what they look like")
	case t.Introspects():
		d.add(Note, "spec.introspection",
			"for opaque tokens, give credentials for the introspection endpoint, and their form in tokens.match")
	}
	if s.JWKS == "" && s.Endpoints.Introspection == "" {
		d.add(Warn, "spec.keys",
			"the metadata names neither keys nor an introspection endpoint: give the keys, or its tokens cannot be judged")
	}
}

// variable is a name for the environment: CORP_CLIENT_SECRET.
func variable(name, field string) string {
	words := regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(field, "${1}_${2}")
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_") + "_" + words)
}

// keys reads the keys once, as gateways will.
func (d *Draft) keys(ctx context.Context, client *http.Client) {
	if d.Metadata.JWKS == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wire.Timeout)
	defer cancel()
	keys, notes, err := token.ReadKeys(ctx, client, d.Metadata.JWKS)
	if err != nil {
		d.add(Warn, "spec.keys", "its keys at %s cannot be read, so that no token could be judged: %s", d.Metadata.JWKS,
			keymanager.WhyNot(err))
	}
	for _, note := range notes {
		d.add(Note, "spec.keys", "%s", wire.Words(note))
	}
	var algorithms []string
	for _, k := range keys {
		if k.Alg != "" && !slices.Contains(algorithms, k.Alg) {
			algorithms = append(algorithms, k.Alg)
		}
	}
	if len(algorithms) > 0 {
		d.add(Note, "spec.tokens.algorithms", "its keys are for %s; every algorithm that a key permits is taken",
			strings.Join(algorithms, ", "))
	}
}
