package reconcile_test

import (
	"net/http"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/listing"
	"keyward.dev/keyward/internal/reconcile"
	"keyward.dev/keyward/internal/testbed/registrar"
)

// A server that gives a new registration access token with every answer is read, changed and read again: none is lost. A
// client that is gone there has vanished; one whose token was lost is no longer manageable, and nothing is said of its drift.
func TestRegistrationServer(t *testing.T) {
	s, r := registrar.Start(t), newRig(t)
	r.registering("reg", s)
	callbacks := keys.Ask{Grants: []string{"client_credentials", "authorization_code"}, Callbacks: []string{"https://app.example/cb"}}
	made := map[string]*keys.Result{}
	for _, app := range []string{"steady", "moved", "gone", "dropped", "lost", "taken"} {
		made[app] = r.generate(app, "reg", callbacks)
	}
	for range 2 {
		report := r.reconcile("reg")
		for app := range made {
			want(t, report, app, reconcile.InStep)
		}
		if report.Note == "" || report.SearchedAt != nil {
			t.Errorf("a server that lists nothing was searched: %+v", report)
		}
	}
	s.Change(made["moved"].ClientID, "https://app.example/cb", "https://evil.example/cb")
	s.Change(made["taken"].ClientID, "https://other.example/cb")
	s.Remove(made["gone"].ClientID)
	s.Remove(made["dropped"].ClientID)
	s.Replace(made["lost"].ClientID)
	report := r.reconcile("reg")
	want(t, report, "steady", reconcile.InStep)
	want(t, report, "moved", reconcile.Changed, "callbacks: added https://evil.example/cb")
	want(t, report, "taken", reconcile.Changed, "missing https://app.example/cb")
	want(t, report, "gone", reconcile.Vanished)
	want(t, report, "dropped", reconcile.Vanished)
	want(t, report, "lost", reconcile.Unknown, "takes its secret")
	if c := r.client("lost"); c.Status.State != keyward.ClientActive || len(c.Status.Drift) > 0 {
		t.Errorf("a client whose token is lost is %s: %q", c.Status.State, c.Status.Drift)
	}
	_, err := r.reconciler.Mend(t.Context(), alice(), at("lost", "reg"), reconcile.MendAsk{})
	wantCode(t, err, keyward.CodeKeyManagerFailed, "only the server's administrator")

	accept := func(app string) *keys.Result {
		t.Helper()
		result, err := r.reconciler.Mend(t.Context(), alice(), at(app, "reg"), reconcile.MendAsk{Accept: true})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	if result := accept("taken"); result.State != keyward.ClientActive || result.ClientID != made["taken"].ClientID {
		t.Errorf("accepted as %v, %s", result, result.State)
	}
	if result := accept("dropped"); result.State != keys.ClientDeleted || result.ClientID != "" {
		t.Errorf("a client that vanished was accepted as %v, %s", result, result.State)
	}
	r.mend("moved", "reg")
	if anew := r.mend("gone", "reg"); anew.ClientID == made["gone"].ClientID || anew.ClientSecret == "" {
		t.Errorf("made anew as %v", anew)
	}
	if list, _, err := r.keys.List(t.Context(), alice(), keyward.DefaultTenant, "dropped", listing.Choice{}); err != nil || len(list) != 0 {
		t.Errorf("a client that was dropped is listed: %+v, error %v", list, err)
	}
	report = r.reconcile("reg")
	for _, app := range []string{"steady", "moved", "gone", "taken"} {
		want(t, report, app, reconcile.InStep)
	}
	now := map[string][]string{}
	for _, c := range s.Clients() {
		now[c.ID] = c.Callbacks
	}
	if len(now[made["moved"].ClientID]) != 1 || now[made["taken"].ClientID][0] != "https://other.example/cb" {
		t.Errorf("the server has %v", now)
	}
	// What was accepted is what a later change begins with.
	if _, err := r.keys.Update(t.Context(), alice(), at("taken", "reg"), keys.Ask{Grants: []string{"authorization_code"}}); err != nil {
		t.Fatal(err)
	}
	want(t, r.reconcile("reg"), "taken", reconcile.InStep)
	if c := r.client("taken"); len(c.Status.Callbacks) != 1 || c.Status.Callbacks[0] != "https://other.example/cb" {
		t.Errorf("callbacks %q", c.Status.Callbacks)
	}
}

// Where nobody is looked at unasked, only the key manager that somebody asks for is, however long the others are due.
func TestNobodyIsLookedAtUnasked(t *testing.T) {
	later := func() time.Time { return time.Now().Add(24 * time.Hour) }
	r := newRigWith(t, reconcile.Options{Asks: true, Now: later})
	for _, name := range []string{"one", "two"} {
		r.registering(name, registrar.Start(t))
		r.generate("of-"+name, name, keys.Ask{})
	}
	for range 2 {
		want(t, r.reconcile("one"), "of-one", reconcile.InStep)
	}
	report, err := r.reconciler.Report(t.Context(), admin(), keyward.DefaultTenant, "two")
	do(t, err)
	want(t, report, "of-two", reconcile.Unknown, "not looked at yet")
	want(t, r.reconcile("two"), "of-two", reconcile.InStep)
}

// A server that is down, or asks for a pause, is asked once and then left alone: nothing is said of its clients but that.
// Another one is looked at all the same.
func TestServerThatDoesNotAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		wait   string
		part   string
	}{
		"down":    {http.StatusServiceUnavailable, "", "answered 503"},
		"limited": {http.StatusTooManyRequests, "3600", "try again in 1h0m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			s, other, r := registrar.Start(t), registrar.Start(t), newRig(t)
			r.registering("reg", s)
			r.registering("other", other)
			apps := []string{"a", "b", "c", "d"}
			for _, app := range apps {
				r.generate(app, "reg", keys.Ask{})
			}
			r.generate("beside", "other", keys.Ask{})
			r.reconcile("reg")
			for _, app := range apps {
				s.Remove(r.client(app).ClientID)
			}
			r.road.close(s.URL, c.status, c.wait)
			report := r.reconcile("reg")
			told := 0
			for _, app := range apps {
				if l := line(t, report, app); l.Verdict == reconcile.Unknown && len(l.Found) == 1 {
					told++
				} else if l.Verdict != reconcile.InStep {
					t.Errorf("%s is %s: %q", app, l.Verdict, l.Found)
				}
				if state := r.client(app).Status.State; state != keyward.ClientActive {
					t.Errorf("%s is %s", app, state)
				}
			}
			want(t, r.reconcile("other"), "beside", reconcile.InStep)
			met := r.road.close("", 0, "")
			if told != 1 || c.wait != "" && met != 1 {
				t.Errorf("%d requests although the server does not answer; %d clients are unknown", met, told)
			}
			for _, app := range apps {
				want(t, r.reconcile("reg"), app, reconcile.Vanished)
			}
		})
	}
}

// A mend whose answer is lost is under way like every change, and the keys' sweep ends it.
func TestMendThatIsInterrupted(t *testing.T) {
	s, r := registrar.Start(t), newRig(t)
	r.registering("reg", s)
	made := r.generate("mobile", "reg", keys.Ask{
		Grants: []string{"client_credentials", "authorization_code"}, Callbacks: []string{"https://app.example/cb"},
	})
	r.reconcile("reg")
	s.Change(made.ClientID, "https://evil.example/cb")
	want(t, r.reconcile("reg"), "mobile", reconcile.Changed)
	r.road.fail(http.MethodPut)
	_, err := r.reconciler.Mend(t.Context(), alice(), at("mobile", "reg"), reconcile.MendAsk{})
	wantCode(t, err, keyward.CodeKeyManagerFailed, "tried again")
	if c := r.client("mobile"); c.Status.State != keyward.ClientUpdating {
		t.Fatalf("the client is %s", c.Status.State)
	}
	want(t, r.reconcile("reg"), "mobile", reconcile.Unknown, "updating")
	if err := r.keys.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, r.reconcile("reg"), "mobile", reconcile.InStep)
	if got := s.Clients()[0].Callbacks; len(got) != 1 || got[0] != "https://app.example/cb" {
		t.Errorf("the server has %q", got)
	}
}
