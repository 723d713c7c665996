package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
)

// Verdict is how a client stands.
type Verdict string

// The verdicts.
const (
	InStep     Verdict = "in-step"    // at its server it is what it should be
	Changed    Verdict = "changed"    // somebody changed it there
	Vanished   Verdict = "vanished"   // the server no longer has it
	Unknown    Verdict = "unknown"    // the server has not told yet, or cannot
	Unfinished Verdict = "unfinished" // something that was asked of the server stands still
	Orphan     Verdict = "orphan"     // this installation made it, and no row knows it
	Foreign    Verdict = "foreign"    // it is named like ours, and another installation's, or older than names of installations
)

// StandingClient is one client, or one name at the server.
type StandingClient struct {
	Verdict     Verdict             `json:"verdict" doc:"in-step, changed, vanished, unknown, unfinished, orphan or foreign"`
	Tenant      string              `json:"tenant,omitempty" doc:"Of a client in another tenant"`
	Application string              `json:"application,omitempty"`
	Environment keyward.Environment `json:"environment,omitempty"`
	ClientID    string              `json:"clientId,omitempty"`
	Name        string              `json:"name" doc:"The client's name at the server"`
	State       keyward.ClientState `json:"state,omitempty"`
	Found       []string            `json:"found,omitempty" doc:"What differs, or why nothing is known"`
	LookedAt    *time.Time          `json:"lookedAt,omitempty" doc:"When the server last told something of it"`
	Mend        string              `json:"mend,omitempty" doc:"The command that does something about it"`

	keyManager, tenant string
}

// Reconciliation is what is known of a key manager's clients. No server is asked for it.
type Reconciliation struct {
	KeyManager string           `json:"keyManager"`
	Waiting    int              `json:"waiting" doc:"So many looks that somebody asked for are still to be taken"`
	Looks      int              `json:"looks" doc:"All looks that there are at this key manager"`
	SearchedAt *time.Time       `json:"searchedAt,omitempty" doc:"When the server last listed clients that nobody knows"`
	Note       string           `json:"note,omitempty" doc:"Why the server was not searched, or not to its end"`
	Lines      []StandingClient `json:"lines"`
}

// stale is how long something may be under way before it is told of.
const stale = time.Minute

// Report tells what the looks so far have found. Administrators and auditors of the tenant may read it; of a global key
// manager, operators read about every tenant's clients, and others about those of their own.
func (r *Reconciler) Report(ctx context.Context, p keyward.Principal, tenant, name string) (*Reconciliation, error) {
	if err := access.Require(p, access.RightReconciliation, tenant); err != nil {
		return nil, err
	}
	report := &Reconciliation{KeyManager: name}
	err := r.Store.Read(ctx, func(tx *store.Tx) error {
		report.Lines, report.Waiting, report.Looks = []StandingClient{}, 0, 0
		km, err := tx.KeyManagerFor(tenant, name)
		if err != nil {
			return err
		}
		rows, err := tx.Looks(km.ID)
		if err != nil {
			return err
		}
		filter := store.Filter{ManagerID: km.ID, Tenant: tenant}
		own := km.Tenant == tenant
		if own && p.IsOperator() {
			filter.Tenant = ""
		}
		objects, _, err := tx.List(keyward.KindOAuthClient, filter)
		if err != nil {
			return fmt.Errorf("list the clients of %s: %w", km.Ref(), err)
		}
		looks := map[string]*store.Look{}
		for _, row := range rows {
			looks[row.Subject] = row
		}
		for _, o := range objects {
			if err := report.add(o, looks[o.ID], tenant, r.now()); err != nil { // the others are told of all the same
				report.Lines = append(report.Lines, StandingClient{Verdict: Unknown, Name: o.Name, Found: []string{unreadable}})
				r.log.WarnContext(ctx, "tell how a client stands", "client", o.ID, "error", err)
			}
		}
		if own {
			report.search(tenant, looks[km.ID])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return report, nil
}

// add tells of one client; mapped ones are never looked at.
func (r *Reconciliation) add(o *keyward.Object, look *store.Look, tenant string, now time.Time) error {
	c, err := scene.ReadClient(o)
	if err != nil || c.Status.Mode != keyward.ClientGenerated {
		return err
	}
	found, err := readFinding(look)
	if err != nil {
		return err
	}
	if look != nil && c.Status.State.InUse() {
		r.Looks++
		if look.Asked {
			r.Waiting++
		}
	}
	line := StandingClient{
		Application: c.Spec.Application, Environment: c.Spec.EnvironmentOrDefault(), ClientID: c.Spec.ClientID,
		Name: c.Status.VendorName, State: c.Status.State, keyManager: r.KeyManager, tenant: o.Tenant,
	}
	if o.Tenant != tenant {
		line.Tenant = o.Tenant
	}
	switch c.Status.State {
	case keyward.ClientActive, keyward.ClientDrifted:
		line.judge(c, found)
	case keyward.ClientRevoked:
		if !c.Status.Orphan {
			return nil
		}
		line.unfinished(c, "dismiss")
	case keyward.ClientFailed:
		verb := "retry"
		if c.Status.Orphan {
			verb = "dismiss"
		}
		line.unfinished(c, verb)
	default:
		line.Verdict = Unknown
		line.Found = []string{fmt.Sprintf("it is %s at this moment", c.Status.State)}
		if now.Sub(changed(c)) > stale {
			line.unfinished(c, "retry")
		}
	}
	r.Lines = append(r.Lines, line)
	return nil
}

func (l *StandingClient) judge(c *scene.Client, found finding) {
	l.LookedAt, l.Found, l.Verdict = found.At, c.Status.Drift, found.Verdict
	if l.Verdict == "" {
		l.Verdict, l.Found = Unknown, []string{"not looked at yet"}
	}
	switch l.Verdict {
	case Changed, Vanished:
		l.Mend = l.command("mend")
	}
	if found.Why != "" {
		if l.Verdict == InStep {
			l.Verdict = Unknown
		}
		if found.Verdict == "" {
			l.Found = nil
		}
		l.Found = append(slices.Clone(l.Found), found.Why)
	}
}

func (l *StandingClient) unfinished(c *scene.Client, verb string) {
	l.Verdict, l.Mend = Unfinished, l.command(verb)
	l.Found = []string{fmt.Sprintf("%s since %s", c.Status.State, changed(c).UTC().Format(time.RFC3339))}
	if c.Status.Reason != "" {
		l.Found = append(l.Found, c.Status.Reason)
	}
}

// command is complete, so that it can be pasted.
func (l *StandingClient) command(verb string) string {
	command := fmt.Sprintf("keyward keys %s --application %s --key-manager %s --environment %s", verb, l.Application, l.keyManager,
		l.Environment)
	return command + inTenant(l.tenant)
}

func inTenant(tenant string) string {
	if tenant == keyward.DefaultTenant {
		return ""
	}
	return " --tenant " + tenant
}

// search tells what the server has that no row knows.
func (r *Reconciliation) search(tenant string, look *store.Look) {
	found, err := readSearched(look)
	if err != nil {
		found.Why = unreadable
	}
	if look != nil {
		r.Looks++
		if look.Asked {
			r.Waiting++
		}
	}
	r.SearchedAt, r.Note = found.At, found.Why
	if found.More > 0 {
		r.Note = strings.TrimPrefix(r.Note+"; "+fmt.Sprintf("%d further names are not shown", found.More), "; ")
	}
	for _, name := range found.Orphans {
		r.Lines = append(r.Lines, StandingClient{
			Verdict: Orphan, Name: name, Found: []string{"this installation made it, and no application has it"},
			Mend: fmt.Sprintf("keyward keymanager reconcile %s --delete %s", r.KeyManager, name) + inTenant(tenant),
		})
	}
	for _, name := range found.Foreign {
		r.Lines = append(r.Lines, StandingClient{Verdict: Foreign, Name: name, Found: []string{
			"another installation made it, or this one before installations had names: Keyward leaves it alone",
		}})
	}
}

// manager gives a key manager of the tenant to whoever may have its server asked: administrators.
func manager(tx *store.Tx, p keyward.Principal, tenant, name string) (*keyward.Object, error) {
	if err := access.Require(p, access.RightCheck, tenant); err != nil {
		return nil, err
	}
	km, err := tx.KeyManagerFor(tenant, name)
	if err == nil && km.Tenant != tenant {
		err = keyward.Errorf(keyward.CodeForbidden, "%s is offered in every tenant: only its own administrators have it asked", km.Ref())
	}
	return km, err
}
