package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"strings"
	"unicode"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/stream"
)

// sealKey reads the key from its setting or its file, and judges its form without repeating it.
func (r *reader) sealKey(v Values) secret.Value {
	key := r.sealKeyText(v)
	if key.IsZero() {
		return key
	}
	if _, err := seal.ParseKey(key.Reveal()); err != nil {
		name := "KEYWARD_SEAL_KEY"
		if v.SealKey == "" {
			name = "KEYWARD_SEAL_KEY_FILE"
		}
		r.fault(name, "%v", err)
	}
	return key
}

func (r *reader) sealKeyText(v Values) secret.Value {
	if v.SealKey != "" && v.SealKeyFile != "" {
		r.fault("KEYWARD_SEAL_KEY_FILE", "give KEYWARD_SEAL_KEY or KEYWARD_SEAL_KEY_FILE, not both")
	}
	if v.SealKeyFile == "" || v.SealKey != "" {
		return secret.New(v.SealKey)
	}
	text, err := os.ReadFile(v.SealKeyFile)
	if err != nil {
		r.fault("KEYWARD_SEAL_KEY_FILE", "%v", err)
		return secret.Value{}
	}
	if strings.TrimSpace(string(text)) == "" {
		r.fault("KEYWARD_SEAL_KEY_FILE", "%s is empty", v.SealKeyFile)
	}
	return secret.New(strings.TrimSpace(string(text)))
}

// gatewayToken judges the form of a gateway's credential without repeating it.
func (r *reader) gatewayToken(v string) secret.Value {
	if v == "" {
		r.fault("KEYWARD_GATEWAY_TOKEN", "is required in the gateway role: make one with keyward gateway token NAME")
	} else if _, err := stream.ParseToken(v); err != nil {
		r.fault("KEYWARD_GATEWAY_TOKEN", "%v", err)
	}
	return secret.New(v)
}

// authority reads a file of PEM roots; nil when none is named.
func (r *reader) authority(name, path string) []byte {
	pem, err := Authority(path)
	if err != nil {
		r.fault(name, "%v", err)
	}
	return pem
}

// Authority reads the PEM roots of KEYWARD_CONTROL_CA; nil when path is empty.
func Authority(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the certificate authority: %w", err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", path)
	}
	return pem, nil
}

// url never repeats a value that may hold a password in its fault.
func (r *reader) url(name, v string) string {
	if v == "" {
		return ""
	}
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		shown := "the value"
		if !strings.Contains(v, "@") {
			shown = fmt.Sprintf("%q", v)
		}
		r.fault(name, "%s is not an http or https URL without user, query and fragment", shown)
		return ""
	}
	if !keyward.ValidPort(u) {
		r.fault(name, "%q has no port between 1 and 65535", v)
	}
	if !plainPath(u) {
		r.fault(name, "%q has a path with something else than segments of letters, digits, - . _ ~", v)
	}
	return strings.TrimRight(v, "/")
}

// publicURL is a URL whose path does not begin like the resident authorization server's own: where a proxy has taken it off,
// /t/NAME and /oauth2 would mean two things.
func (r *reader) publicURL(name, v string) string {
	at := r.url(name, v)
	u, err := url.Parse(at)
	if err != nil {
		return at
	}
	if first, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/"); first == "t" || first == "oauth2" {
		r.fault(name, "%q has a path that begins with /%s, as tenants and endpoints of tokens do: choose another", v, first)
	}
	return at
}

// plainPath tells that a URL's path is spelled in one way alone: it is compared with that of requests, and stands before patterns.
func plainPath(u *url.URL) bool {
	at := strings.TrimRight(u.EscapedPath(), "/")
	return at == "" || path.Clean(at) == at && !strings.ContainsFunc(at, func(c rune) bool {
		return c != '/' && (c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("-._~", c))
	})
}

// secretURL never repeats the value in its fault: it may hold a password.
func (r *reader) secretURL(name, v string, schemes ...string) secret.Value {
	if v == "" {
		return secret.Value{}
	}
	scheme, rest, found := strings.Cut(v, "://")
	for _, s := range schemes {
		if found && scheme == s && rest != "" {
			return secret.New(v)
		}
	}
	r.fault(name, "must start with %s://", schemes[0])
	return secret.Value{}
}

// hubURL takes one address of a hub or several with commas between, as the hub's client does.
func (r *reader) hubURL(name, v string) secret.Value {
	for part := range strings.SplitSeq(v, ",") {
		part = strings.TrimSpace(part)
		if !strings.Contains(part, "://") {
			part = "nats://" + part // the scheme of further addresses may be left out
		}
		if u, err := url.Parse(part); v != "" && (err != nil || u.Hostname() == "") {
			r.fault(name, "is not a URL such as nats://user:password@host:4222")
			return secret.Value{}
		}
	}
	return r.secretURL(name, v, "nats", "tls")
}

// tls takes a listener's certificate and key when they are there and belong together.
func (r *reader) tls(listener, cert, key string) TLSFiles {
	name := "KEYWARD_" + listener + "_TLS_"
	if (cert == "") != (key == "") {
		r.fault(name+"CERT", "give both %sCERT and %sKEY", name, name)
		return TLSFiles{}
	}
	if cert == "" {
		return TLSFiles{}
	}
	if faults := errors.Join(r.exists(name+"CERT", cert), r.exists(name+"KEY", key)); faults == nil {
		if _, err := stream.NewCertificate(cert, key, nil); err != nil {
			r.fault(name+"CERT", "%v", err)
		}
	}
	return TLSFiles{Cert: cert, Key: key}
}

func (r *reader) exists(name, path string) error {
	_, err := os.Stat(path)
	if err != nil {
		r.fault(name, "%v", err)
	}
	return err
}
