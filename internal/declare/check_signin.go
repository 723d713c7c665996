package declare

import (
	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager"
)

// checkCallbacks holds that of the key managers that share one redirect URI all but one say who answers (iss, RFC 9207): a code of
// one could be had by another otherwise (mix-up, RFC 9700, section 4.4). Clients that Keyward registers have one each. What servers
// say is known only while writing.
func (w *world) checkCallbacks() error {
	if !w.writing {
		return nil
	}
	for _, tenant := range w.tenantsOf(keyward.KindKeyManager) {
		all, err := w.all(keyward.KindKeyManager, tenant)
		if err != nil {
			return err
		}
		var silent []candidate
		for _, o := range all {
			s, ok := o.spec.(*keyward.KeyManagerSpec)
			if !ok || !s.SignsIn() || s.SignIn.OwnCallback || keymanager.RegistersSignIn(s) {
				continue
			}
			status, err := keyManagerStatus(o.status)
			if err != nil {
				return err
			}
			if status.SignIn == nil || !status.SignIn.NamesIssuer {
				silent = append(silent, o)
			}
		}
		w.tellApart(silent)
	}
	return nil
}

// tellApart refuses the changes among key managers that share a redirect URI and do not say who answers.
func (w *world) tellApart(silent []candidate) {
	for i, o := range silent {
		if o.change == nil || len(silent) < 2 {
			continue
		}
		other := silent[(i+1)%len(silent)]
		w.add(o.change, keyward.CodeConflict, "spec.signIn.ownCallback", "must be true: people are sent back to the same redirect URI "+
			"from %s, and neither server's metadata promise to say who answers (authorization_response_iss_parameter_supported, RFC "+
			"9207), so that one could get codes of the other; the client then has the redirect URI …/session/callback/%s/%s",
			other.ref, o.ref.Tenant, o.ref.Name)
	}
}
