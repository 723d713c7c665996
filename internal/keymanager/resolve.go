package keymanager

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
)

// NeedsDiscovery tells whether a change of a key manager calls for reading the server's metadata again: only when type,
// discovery, issuer, endpoints, keys, or the way to the server change, or people begin to sign in through it, so that a
// server that is down hinders no other change. A nil old is a new key manager.
func NeedsDiscovery(old, spec *keyward.KeyManagerSpec) bool {
	if !Discovers(spec) {
		return false
	}
	return old == nil || old.Type != spec.Type || old.Discovery != spec.Discovery || old.Issuer != spec.Issuer ||
		old.Endpoints != spec.Endpoints || spec.SignsIn() && !old.SignsIn() || !SameRoute(old.Outbound, spec.Outbound) ||
		!reflect.DeepEqual(canonicalKeys(old.Keys), canonicalKeys(spec.Keys))
}

// canonicalKeys gives a key source in a form in which two spellings of one JSON document are equal.
func canonicalKeys(k keyward.KeySource) any {
	var inline any
	if err := json.Unmarshal(k.JWKSInline, &inline); err != nil {
		inline = string(k.JWKSInline)
	}
	return []any{k.JWKS, k.RefreshOrDefault(), append([]string{}, k.PEM...), inline}
}

// ResidentKeys is the member of KeyManagerStatus.Type in which the resident authorization server's public JWK set
// stands. Its keys travel with the key manager's row, so no gateway fetches them.
const ResidentKeys = "jwks"

// Resolve gives what gateways are told of a key manager: what was declared, else what was discovered, else the type's
// defaults. The introspection row is nil where there are no credentials; its secret is filled in by the store. Field
// errors name what is still missing or cannot be used. The object gives identity and names only.
func Resolve(obj *keyward.Object, spec *keyward.KeyManagerSpec, status keyward.KeyManagerStatus) (
	keyward.KeyManagerRow, *keyward.IntrospectionRow, []keyward.FieldError,
) {
	t, ok := catalog.TypeOf(spec.Type)
	if !ok {
		return keyward.KeyManagerRow{}, nil, []keyward.FieldError{
			{Path: "spec.type", Code: keyward.CodeNotSupported, Message: fmt.Sprintf("this build has no type %s", spec.Type)},
		}
	}
	issuers, faults := issuerRows(t, spec, status)
	row := keyward.KeyManagerRow{
		ID: obj.ID, Tenant: obj.Tenant, Name: obj.Name, Global: spec.Global,
		Enabled:       spec.IsEnabled(),
		Environments:  spec.EnvironmentsOrDefault(),
		Issuers:       issuers,
		Algorithms:    spec.Tokens.Algorithms,
		Audiences:     spec.Tokens.Audiences,
		TokenType:     spec.Tokens.TypeOrDefault(),
		Use:           useOf(spec),
		ClockSkew:     keyward.Duration(spec.Tokens.SkewOrDefault()),
		Require:       spec.Tokens.Require,
		Match:         spec.Tokens.Match,
		ClientID:      orDefault(spec.Claims.ClientID, t.ClientIDClaims),
		Scopes:        orDefault(spec.Claims.Scopes, t.ScopeClaims),
		Grants:        spec.Claims.Grants,
		Mapping:       spec.Claims.Mapping,
		Introspection: introspectionEndpoint(spec, status),
		Outbound:      spec.Outbound.Row(),
		OwnClients:    OwnClients(spec),
	}
	row.Digest = digest(row)
	if spec.Introspection == nil {
		return row, nil, faults
	}
	introspection := &keyward.IntrospectionRow{
		ID:       obj.ID,
		ClientID: spec.Introspection.ClientID,
		Method:   spec.Introspection.MethodOrDefault(),
		Cache:    keyward.Duration(spec.Introspection.CacheOrDefault()),
	}
	switch introspection.Method {
	case keyward.IntrospectTLS:
		introspection.Certificate = spec.Introspection.Certificate
	case keyward.IntrospectBearer:
		introspection.Scope = spec.Introspection.Scope
		if introspection.ClientID != "" {
			introspection.TokenEndpoint = tokenEndpoint(spec, status)
		}
	}
	introspection.Digest = hash(introspection.ID, row.Introspection, introspection.ClientID, introspection.Method,
		introspection.Cache.String(), introspection.Certificate, introspection.TokenEndpoint, introspection.Scope)
	return row, introspection, faults
}

// useOf leaves out what only says what happens anyway.
func useOf(spec *keyward.KeyManagerSpec) keyward.TokenUse {
	if spec.Tokens.Use == keyward.UseDirect {
		return ""
	}
	return spec.Tokens.Use
}

func tokenEndpoint(spec *keyward.KeyManagerSpec, status keyward.KeyManagerStatus) string {
	if spec.Endpoints.Token != "" {
		return spec.Endpoints.Token
	}
	return status.Endpoints.Token
}

// introspectionEndpoint is empty where gateways have no credentials: they could not ask.
func introspectionEndpoint(spec *keyward.KeyManagerSpec, status keyward.KeyManagerStatus) string {
	switch {
	case spec.Introspection == nil:
		return ""
	case spec.Endpoints.Introspection != "":
		return spec.Endpoints.Introspection
	default:
		return status.Endpoints.Introspection
	}
}

// issuerRows binds keys to issuers entry by entry. An entry without keys of its own has those of the main issuer.
func issuerRows(t connector.Type, spec *keyward.KeyManagerSpec, status keyward.KeyManagerStatus) (
	[]keyward.IssuerRow, []keyward.FieldError,
) {
	var faults []keyward.FieldError
	main := issuerRow(spec.Issuer, spec.Keys)
	if main.Issuer == "" {
		main.Issuer = status.Issuer
	}
	switch {
	case hasKeys(spec.Keys):
	case t.Name == keyward.TypeResident:
		main.Inline, faults = residentKeys(status)
	case status.JWKS != "":
		main.JWKS = status.JWKS
		main.Refresh = keyward.Duration(spec.Keys.RefreshOrDefault())
	}
	if t.Name == keyward.TypeResident {
		if main.Issuer == "" {
			faults = append(faults, fieldError("spec.issuer", "the resident key manager has not been set up yet"))
		}
		return []keyward.IssuerRow{main}, faults
	}
	faults = append(faults, missing(spec, status)...)
	rows := []keyward.IssuerRow{main}
	for i, other := range spec.OtherIssuers {
		if other.Issuer == main.Issuer && spec.Issuer == "" {
			faults = append(faults, fieldError(fmt.Sprintf("spec.otherIssuers[%d].issuer", i),
				"%q is the issuer that discovery gave", other.Issuer))
			continue
		}
		row := issuerRow(other.Issuer, other.Keys)
		if !hasKeys(other.Keys) {
			row = main
			row.Issuer = other.Issuer
			if other.Keys.Refresh != nil && row.JWKS != "" {
				row.Refresh = *other.Keys.Refresh
			}
		}
		row.Until = other.Until
		rows = append(rows, row)
	}
	if t.Twin != nil {
		rows = withTwin(rows, t.Twin(main.Issuer))
	}
	if ForMany(spec) {
		rows = expand(rows, Organizations(spec))
	}
	return rows, faults
}

// withTwin adds the other issuer that tokens of the same server have, with the same keys, unless it is listed.
func withTwin(rows []keyward.IssuerRow, twin string) []keyward.IssuerRow {
	if twin == "" || slices.ContainsFunc(rows, func(r keyward.IssuerRow) bool { return r.Issuer == twin }) {
		return rows
	}
	row := rows[0]
	row.Issuer = twin
	return append(rows, row)
}

func issuerRow(issuer string, k keyward.KeySource) keyward.IssuerRow {
	row := keyward.IssuerRow{Issuer: issuer, JWKS: k.JWKS, PEM: k.PEM, Inline: k.JWKSInline}
	if k.JWKS != "" {
		row.Refresh = keyward.Duration(k.RefreshOrDefault())
	}
	return row
}

func residentKeys(status keyward.KeyManagerStatus) (json.RawMessage, []keyward.FieldError) {
	set, ok := status.Type[ResidentKeys]
	if !ok {
		return nil, []keyward.FieldError{fieldError("spec.keys", "the resident key manager has no keys yet")}
	}
	raw, err := json.Marshal(set)
	if err != nil {
		return nil, []keyward.FieldError{fieldError("spec.keys", "the resident key manager's keys cannot be read")}
	}
	if hasPrivateMembers(raw) {
		return nil, []keyward.FieldError{fieldError("spec.keys", "the resident key manager's set holds private members")}
	}
	return raw, nil
}

func orDefault(list, fallback []string) []string {
	if len(list) > 0 {
		return list
	}
	return fallback
}

// digest hashes what can change a decision. The name can, because it qualifies the subject that backends see; how often
// keys are read and what people are shown cannot.
func digest(row keyward.KeyManagerRow) string {
	row.Digest = ""
	row.Issuers = append([]keyward.IssuerRow(nil), row.Issuers...)
	for i := range row.Issuers {
		row.Issuers[i].Refresh = 0
	}
	b, err := json.Marshal(row)
	if err != nil {
		return "" // every member was decoded from JSON; an empty digest would only cost cache hits
	}
	return hash(string(b))
}

func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}
