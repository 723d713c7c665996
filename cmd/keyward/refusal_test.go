package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"keyward.dev/keyward"
)

// TestRefusalsSayWhatToDo: beside the server's words, where these alone leave a person at a loss.
func TestRefusalsSayWhatToDo(t *testing.T) {
	const may = "administrators of that tenant or of tenant default may, or give the user a role that may"
	for _, c := range []struct {
		code          keyward.Code
		message, want string // nothing is added where want is empty
	}{
		{keyward.CodeNotFound, "There is no KeyManager acme/nope", "keyward get key-managers --tenant acme lists what there is"},
		{keyward.CodeNotFound, "There is no KeyManager of that name", "keyward get key-managers --tenant acme lists what there is"},
		{keyward.CodeNotFound, "There is no API globex/orders-v1.2", "keyward get apis --tenant globex lists what there is"},
		{keyward.CodeNotFound, "There is no tenant nope", "keyward get tenants lists what there is"},
		{
			keyward.CodeNotFound, "There is no user bob in tenant acme, or it is disabled",
			"keyward get users --tenant acme lists what there is",
		},
		{keyward.CodeNotFound, "There is no API token of that id", "keyward token list --tenant acme lists what there is"},
		{keyward.CodeNotFound, "There is no gateway like that", "keyward gateway list --tenant acme lists what there is"},
		{
			keyward.CodeNotFound, "Application mobile has no client in corp for production",
			"keyward keys list --application mobile --tenant acme lists what there is",
		},
		{keyward.CodeNotFound, "There is no GET /api/v1/frobs; /docs lists what there is", ""},
		{keyward.CodeNotFound, "There is no gadget nope", ""},
		{keyward.CodeForbidden, "User dev may not check key managers in tenant acme", may},
		{keyward.CodeForbidden, "Only administrators approve and reject keys", ""},
		{keyward.CodeNoSuchAPI, "No API is at this path.", "this is a gateway's answer: KEYWARD_SERVER must be the control plane"},
		{keyward.CodeConflict, "it is so", ""},
	} {
		var out bytes.Buffer
		s := &session{cli: &cli{Tenant: "acme"}, err: &out}
		s.printRefusal(&keyward.Error{Code: c.code, Message: c.message})
		want := "keyward: " + string(c.code) + ": " + c.message + "\n"
		if c.want != "" {
			want = strings.TrimSuffix(strings.TrimSuffix(want, "\n"), ".") + ": " + c.want + "\n"
		}
		if got := out.String(); got != want {
			t.Errorf("got  %swant %s", got, want)
		}
	}
}

// TestWhatAServerSaysStaysText: a refusal carries the words of key managers' servers too, which could write over the terminal;
// and a server that failed refused nothing.
func TestWhatAServerSaysStaysText(t *testing.T) {
	var out bytes.Buffer
	s := &session{cli: &cli{}, err: &out}
	e := &keyward.Error{
		Code: keyward.CodeKeyManagerFailed, Message: "it said\x1b[2J\u009b31m \u202ek\u00f6\r\nno",
		Fields: []keyward.FieldError{{Path: "a", Message: "\x1b]0;x\a"}, {Path: "b", Message: "c"}},
	}
	if code := s.report(e); code != exitRefused {
		t.Errorf("a refusal ends with %d", code)
	}
	want := strings.ReplaceAll("keyward: key_manager_failed: it said?[2J?31m ?k\u00f6?\nno\n  a: ?]0;x?\n  b: c\n", "?", "\ufffd")
	if got := out.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, failed := range []keyward.Code{keyward.CodeInternal, keyward.CodeDatabaseUnavailable} {
		if code := s.report(keyward.Errorf(failed, "something went wrong")); code != exitFailed {
			t.Errorf("a server that failed with %s ends with %d", failed, code)
		}
	}
	out.Reset()
	if s.report(errors.New("\x1b[2J")); strings.Contains(out.String(), "\x1b") {
		t.Errorf("a failure prints %q", out.String())
	}
}

// TestAdvisedCommandsExist: what a refusal tells people to type is a command.
func TestAdvisedCommandsExist(t *testing.T) {
	for _, line := range []string{
		"get key-managers --tenant acme", "get tenants", "get users", "token list", "token create", "gateway list", "keys requests",
		"keys list --application mobile --tenant acme",
	} {
		var out, err bytes.Buffer
		code := run(t.Context(), append(strings.Fields(line), "--help"), nil, strings.NewReader(""), &out, &err)
		if code != exitDone || !strings.HasPrefix(out.String(), "Usage: keyward "+strings.Fields(line)[0]) {
			t.Errorf("%s: %d\n%s%s", line, code, out.String(), err.String())
		}
	}
}

// TestWrongCommandLines: each says what is wrong, what would be right, and ends with 2.
func TestWrongCommandLines(t *testing.T) {
	t.Chdir(t.TempDir())
	for line, want := range map[string]string{
		"keymanager":              "needs one of its commands: types, discover, usages, traffic, check, health, refresh, reconcile",
		"keymanager chek":         `did you mean "check"?`,
		"keys generate":           "missing flags: --application=A, --key-manager=K (keyward keys generate --help says more)",
		"keys list --application": "--application: needs a value",
		"keys rotate --application a --key-manager k --overlap soon": `"soon" is not a duration, such as 24h or 90m (keyward keys rotate`,
		"keys approve":                         "--request",
		"get frobs":                            `"frobs" is not a kind: use one of Tenant, User, Connection, KeyManager`,
		"get apis --server 127.0.0.1:8480":     `"127.0.0.1:8480" must begin with http:// or https://`,
		"get apis --server localhost:8480":     `"localhost:8480" must begin with http:// or https://`,
		"get apis --server ftp://localhost/":   `"ftp://localhost" must begin with http:// or https://`,
		"get apis --server http:/localhost/x/": `"http:/localhost/x" must begin with http:// or https://`,
		"keymanager health --history":          "needs the name",
	} {
		var out, err bytes.Buffer
		code := run(t.Context(), strings.Fields(line), []string{"KEYWARD_TOKEN=x"}, strings.NewReader(""), &out, &err)
		if code != exitUsage {
			t.Errorf("%s: %d", line, code)
		}
		if !strings.Contains(err.String(), want) || out.Len() > 0 {
			t.Errorf("%s: %q and %q, want %q", line, out.String(), err.String(), want)
		}
	}
}

// TestStrangers: a server that is no control plane is named with its setting, whether it refuses or takes everything.
func TestStrangers(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		status        int
		answer, words string
	}{
		{http.StatusOK, "{}", "AT (KEYWARD_SERVER) does not look like a control plane of Keyward"},
		{http.StatusOK, `{"items":[]}`, "AT (KEYWARD_SERVER) does not look like a control plane of Keyward"},
		{http.StatusOK, "<html>hello</html>", "AT (KEYWARD_SERVER) does not look like a control plane of Keyward"},
		{http.StatusNoContent, "", "AT (KEYWARD_SERVER) does not look like a control plane of Keyward"},
		{http.StatusNotFound, "{}", "is AT (KEYWARD_SERVER) a control plane of Keyward?"},
		{http.StatusUnauthorized, "<html>hello</html>", "is AT (KEYWARD_SERVER) a control plane of Keyward?"},
		{http.StatusBadGateway, "", "is AT (KEYWARD_SERVER) a control plane of Keyward?"},
	} {
		stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.answer))
		}))
		env, want := []string{"KEYWARD_TOKEN=x", "KEYWARD_SERVER=" + stranger.URL}, strings.ReplaceAll(c.words, "AT", stranger.URL)
		for _, line := range []string{"get apis", "hold application a --reason r", "delete api a", "gateway list", "keymanager check a"} {
			var out, err bytes.Buffer
			code := run(t.Context(), strings.Fields(line), env, strings.NewReader(""), &out, &err)
			if code != exitFailed || !strings.Contains(err.String(), want) || out.Len() > 0 {
				t.Errorf("%s, %d: %d %q %q, want %q", line, c.status, code, out.String(), err.String(), want)
			}
		}
		stranger.Close()
	}
}
