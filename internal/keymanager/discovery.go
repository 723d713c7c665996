// Package keymanager owns what a key manager's declaration means: whether it can be accepted, what discovery adds to it,
// where its secrets are, and the row that gateways get of it. It does not own the types' lists of fields, nor the talk
// with a server about clients: those are the connectors'.
package keymanager

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/wire"
)

const wellKnown = "/.well-known/"

// Discovers tells whether the server's metadata is read when the key manager is registered: where discovery is
// declared, and for a vendor's server whose issuer is known and whose keys are not.
func Discovers(spec *keyward.KeyManagerSpec) bool {
	if spec.Type == keyward.TypeResident {
		return false
	}
	vendor := spec.Type != keyward.TypeOIDC && spec.Type != keyward.TypeExternal
	return spec.Discovery != "" || vendor && spec.Issuer != "" && !hasKeys(spec.Keys)
}

// Discover reads the server's metadata (OpenID Connect Discovery 1.0, section 4; RFC 8414, section 3). Where an issuer
// URL is given, the metadata must name exactly this issuer. Faults come back as a keyward.Error that names
// spec.discovery. Lists of algorithms are not read: they speak of ID tokens.
func Discover(ctx context.Context, spec *keyward.KeyManagerSpec, client *http.Client) (keyward.KeyManagerStatus, error) {
	at := spec.Discovery
	if at == "" {
		at = spec.Issuer
	}
	if at == "" {
		return keyward.KeyManagerStatus{}, nil
	}
	if strings.Contains(at, template) {
		at = commonMetadata(at)
	}
	ctx, cancel := context.WithTimeout(ctx, outbound.TimeoutOf(client, wire.Timeout))
	defer cancel()
	doc, err := fetchMetadata(ctx, at, client)
	if err != nil {
		return keyward.KeyManagerStatus{}, err
	}
	return readMetadata(spec, at, doc)
}

// metadata is a server's metadata document.
type metadata map[string]json.RawMessage

// fetchMetadata reads a metadata URL, or tries the places where an issuer's metadata can be.
func fetchMetadata(ctx context.Context, at string, client *http.Client) (metadata, error) {
	if strings.Contains(at, wellKnown) {
		return fetchDocument(ctx, at, client)
	}
	var told error
	places := metadataPlaces(at)
	for _, place := range places {
		doc, err := fetchDocument(ctx, place, client)
		if err == nil {
			issuer := wire.Member(doc, "issuer")
			if issuer == at {
				return doc, nil
			}
			err = discoveryError(keyward.CodeInvalidInput, nil, "%s", issuerMismatch(at, issuer))
		}
		if unreachable(err) {
			return nil, err
		}
		// The first place is the one that people mean; another one tells more only where nothing is at the first.
		if told == nil || absent(told) && !absent(err) {
			told = err
		}
	}
	if absent(told) {
		told = discoveryError(keyward.CodeInvalidInput, told, "%s answered 404, and so did the other places where it can be", places[0])
	}
	return nil, told
}

// absent tells that a server has no metadata at an address.
func absent(err error) bool {
	f, ok := errors.AsType[*wire.Failure](err)
	return ok && f.Status == http.StatusNotFound
}

// metadataPlaces lists the addresses of an issuer's metadata: appended (OpenID Connect Discovery 1.0, section 4), then
// with the well-known part inserted before the path (RFC 8414, section 3.1), for both documents.
func metadataPlaces(issuer string) []string {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil
	}
	origin := u.Scheme + "://" + u.Host
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	places := []string{origin + path + wellKnown + "openid-configuration"}
	places = append(places, origin+wellKnown+"oauth-authorization-server"+path)
	if path != "" {
		places = append(places, origin+wellKnown+"openid-configuration"+path,
			origin+path+wellKnown+"oauth-authorization-server")
	}
	return places
}

func issuerMismatch(asked, got string) string {
	switch {
	case got == "":
		return "the server's metadata names no issuer"
	case got == asked+"/":
		return fmt.Sprintf("the server calls itself %s, with a slash at the end that %s lacks: an issuer counts character "+
			"by character, so write it with the slash", got, asked)
	case got+"/" == asked:
		return fmt.Sprintf("the server calls itself %s, without the slash at the end of %s: an issuer counts character by "+
			"character, so write it without the slash", got, asked)
	default:
		return fmt.Sprintf("the server calls itself %s, not %s; if that is meant, give the metadata's own URL", got, asked)
	}
}

// elsewhere says where a redirect leads, in full, for somebody to write it.
func elsewhere(resp *http.Response) string {
	to, err := resp.Location()
	if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
		return "a redirect to no address that could be read, which is not followed"
	}
	to.User, to.Fragment = nil, ""
	return fmt.Sprintf("a redirect to %q, which is not followed: write that address if it is the one that you mean",
		wire.Words(to.String()))
}

func fetchDocument(ctx context.Context, at string, client *http.Client) (metadata, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, discoveryError(keyward.CodeInvalidInput, err, "is not a URL that can be asked")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", wire.UserAgent)
	if client == nil {
		client = http.DefaultClient
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := own.Do(req) //nolint:bodyclose // ReadAll closes it
	if err != nil {
		cause := errUnreachable{outbound.NoAnswer(err)}
		return nil, discoveryError(keyward.CodeKeyManagerFailed, cause, "%s cannot be reached: %s", at, WhyNot(err))
	}
	most := outbound.LimitOf(client, wire.MaxAnswer)
	body, err := outbound.ReadAll(resp, most)
	if errors.Is(err, outbound.ErrTooLarge) {
		return nil, discoveryError(keyward.CodeKeyManagerFailed, err, "the answer of %s is longer than %d bytes, which no metadata are: "+
			"see whether the address is right; spec.outbound.maxAnswer permits more", at, most)
	}
	if unended, ok := errors.AsType[*outbound.Unended](err); ok { // the time of the other places is gone with it
		return nil, discoveryError(keyward.CodeKeyManagerFailed, errUnreachable{err}, "%s answered, and did not end in time (%d bytes "+
			"came): see whether the address is right, or what there is so slow; spec.outbound.timeout gives it longer", at, unended.Came)
	}
	if err != nil {
		return nil, discoveryError(keyward.CodeKeyManagerFailed, err, "the answer of %s broke off: try again, and see what "+
			"is between here and the server", at)
	}
	// Who an authorization server is stands at the address that somebody wrote, and nowhere that it points to.
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		cause := &wire.Failure{Op: "read the metadata", Status: resp.StatusCode, Sent: true}
		return nil, discoveryError(keyward.CodeInvalidInput, cause, "%s answered %d, %s", at, resp.StatusCode, elsewhere(resp))
	}
	if resp.StatusCode != http.StatusOK {
		code := keyward.CodeInvalidInput
		if resp.StatusCode >= 500 {
			code = keyward.CodeKeyManagerFailed
		}
		cause := &wire.Failure{Op: "read the metadata", Status: resp.StatusCode, Sent: true}
		return nil, discoveryError(code, cause, "%s answered %d: %s", at, resp.StatusCode, afterStatus(resp.StatusCode))
	}
	var doc metadata
	if err := json.Unmarshal(body, &doc); err != nil || doc == nil {
		if strings.Contains(resp.Header.Get("Content-Type"), "html") {
			return nil, discoveryError(keyward.CodeInvalidInput, nil,
				"%s answered with a page for people, not with metadata: "+otherAddress, at)
		}
		return nil, discoveryError(keyward.CodeInvalidInput, nil, "%s did not answer with a JSON object: "+otherAddress, at)
	}
	return doc, nil
}

// afterStatus is what to do where metadata are answered with this status.
func afterStatus(status int) string {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return "metadata are for everybody, so see whether the address is right, or what in front of the server asks for credentials"
	case status == http.StatusTooManyRequests:
		return "it was asked too often, so try again in a while"
	case status >= 500:
		return "the server or what is in front of it failed, so see its log, or try again later"
	default:
		return otherAddress
	}
}

// otherAddress is what to do where an address has no metadata.
const otherAddress = "give the issuer, which is the iss of its tokens, or the address of its metadata; without any, choose the " +
	"type and write the issuer and keys down"

// WhyNot says in plain words why a server that was called did not answer, and what to do.
func WhyNot(err error) string {
	said := wire.Words(outbound.NoAnswer(err).Error())
	var host *net.DNSError
	var timeout net.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		return said + ": have its administrators correct it, or give the authority that signed it in spec.outbound.ca"
	case errors.As(err, &host) && host.IsNotFound:
		return said + ": see whether the name is right, and whether the control plane's DNS knows it"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return said + ": see whether a firewall is in the way, or a proxy is needed, which spec.outbound.proxy names"
	case errors.Is(err, syscall.ECONNREFUSED):
		return said + ": nothing listens there, so see whether host and port are right and the server runs"
	case errors.Is(err, io.EOF):
		return said + ": see whether port and scheme are right, https or http"
	case outbound.SpeaksNoTLS(err):
		return said + ": see whether the port is right, or write http"
	default:
		return said
	}
}

// errUnreachable marks that nobody answered, so that the other places of the same host need not be tried.
type errUnreachable struct{ error }

func (e errUnreachable) Unwrap() error { return e.error }

func unreachable(err error) bool {
	e, ok := err.(*keyward.Error) //nolint:errorlint // made just above, never wrapped
	if !ok {
		return false
	}
	_, ok = e.Err.(errUnreachable) //nolint:errorlint // made just above, never wrapped
	return ok
}

func discoveryError(code keyward.Code, cause error, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	return &keyward.Error{
		Code: code, Message: "the server's metadata could not be read: " + text, Err: cause,
		Fields: []keyward.FieldError{{Path: "spec.discovery", Code: code, Message: text}},
	}
}

// readMetadata takes over what is usable. A member of another type than expected counts as absent; of an address that is
// noted. So does null, of which nothing is said.
func readMetadata(spec *keyward.KeyManagerSpec, at string, doc metadata) (keyward.KeyManagerStatus, error) {
	now := time.Now().UTC().Truncate(time.Second)
	status := keyward.KeyManagerStatus{
		Issuer:       wire.Member(doc, "issuer"),
		GrantTypes:   wire.ListOf(doc, "grant_types_supported"),
		AuthMethods:  wire.ListOf(doc, "token_endpoint_auth_methods_supported"),
		DiscoveredAt: &now,
	}
	if status.Issuer == "" {
		return status, discoveryError(keyward.CodeInvalidInput, nil, "%s names no issuer", at)
	}
	t, _ := catalog.TypeOf(spec.Type)
	if t.Many {
		status.Issuer = strings.Replace(status.Issuer, "{tenantid}", template, 1)
	}
	if bare := strings.Replace(status.Issuer, template, "", 1); strings.ContainsAny(bare, "{}") || bare != status.Issuer && !t.Many {
		return status, discoveryError(keyward.CodeNotSupported, nil,
			"the issuer %s is a template for several tenants, which only type %s knows", status.Issuer, keyward.TypeEntra)
	}
	note := func(format string, args ...any) { status.Notes = append(status.Notes, fmt.Sprintf(format, args...)) }
	address := func(name string) string {
		v := wire.Member(doc, name)
		switch shape, fault := shapeOf(doc[name]), connector.URLFault(v); {
		case shape != "":
			note("%s in the metadata is not used: it is %s, not a string", name, shape)
		case v == "":
		case fault != "":
			note("%s in the metadata is not used: it %s", name, fault)
		case strings.HasPrefix(at, "https://") && !strings.HasPrefix(v, "https://"):
			note("%s in the metadata is not used: it leaves https", name)
		default:
			return v
		}
		return ""
	}
	status.JWKS = address("jwks_uri")
	status.Endpoints = keyward.Endpoints{
		Token:         address("token_endpoint"),
		Introspection: address("introspection_endpoint"),
		Revocation:    address("revocation_endpoint"),
		Registration:  address("registration_endpoint"),
		Authorization: address("authorization_endpoint"),
		Userinfo:      address("userinfo_endpoint"),
	}
	if spec.SignsIn() {
		status.SignIn = signInFacts(doc, address("end_session_endpoint"))
	}
	if t.Derive != nil {
		t.Derive(&status)
	}
	if spec.Issuer != "" && spec.Issuer != status.Issuer {
		note("the metadata's issuer is %s; the declared %s counts", status.Issuer, spec.Issuer)
	}
	if foreign(at, status.Issuer) {
		note("%s", foreignNote(at, status.Issuer))
	}
	return status, nil
}

func foreignNote(at, issuer string) string {
	return fmt.Sprintf("the metadata at %s belongs to the issuer %s, whose own metadata would be elsewhere", at, issuer)
}

// shapeOf names the kind of a JSON value that is no string; "" for a string, for null and for nothing.
func shapeOf(raw json.RawMessage) string {
	text := strings.TrimSpace(string(raw))
	switch {
	case text == "", text == "null", text[0] == '"':
		return ""
	case text[0] == '{':
		return "an object"
	case text[0] == '[':
		return "a list"
	case text == "true", text == "false":
		return text
	default:
		return "a number"
	}
}

func signInFacts(doc metadata, endSession string) *keyward.SignInFacts {
	return &keyward.SignInFacts{
		EndSession: endSession, NamesIssuer: says(doc, "authorization_response_iss_parameter_supported"),
		PKCE: wire.ListOf(doc, "code_challenge_methods_supported"), ResponseTypes: wire.ListOf(doc, "response_types_supported"),
		BackChannel: says(doc, "backchannel_logout_supported"),
	}
}

// says tells that a member is true.
func says(doc metadata, name string) bool {
	var v bool
	return json.Unmarshal(doc[name], &v) == nil && v
}

// placesOf tells whether the address is one where the issuer's metadata belongs.
func placesOf(issuer, at string) bool {
	for _, place := range metadataPlaces(issuer) {
		if place == at {
			return true
		}
	}
	return false
}
