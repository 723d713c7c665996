package store

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
)

// TestOwnClients: of a key manager one is pending and one in use at most, whoever writes; nobody writes over what somebody else
// has changed; secrets are sealed, and how a server is reached is kept beside them.
func TestOwnClients(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		now := time.Now().Truncate(time.Microsecond).UTC()
		client := func(id string, state keyward.ClientState) *OwnClient {
			return &OwnClient{
				ID: id, KeyManagerID: "km", Tenant: "default", KeyManager: "corp", State: state, ClientID: "c-" + id, Method: "basic",
				Body: json.RawMessage(`{}`), Secrets: map[string]string{OwnSecret: "hush-" + id}, ChangedAt: now,
			}
		}
		put := func(c *OwnClient) error {
			return s.Write(context.Background(), "test", func(tx *Tx) error {
				one := *c
				return tx.PutOwnClient(&one)
			})
		}
		for _, c := range []*OwnClient{
			client("a", keyward.ClientActive), client("b", keyward.ClientPending), client("d", keyward.ClientDeleting),
			client("e", keyward.ClientDeleting), client("f", keyward.ClientFailed),
		} {
			if err := put(c); err != nil {
				t.Fatalf("%s: %v", c.ID, err)
			}
		}
		for _, state := range []keyward.ClientState{keyward.ClientPending, keyward.ClientActive, keyward.ClientDrifted} {
			if err := put(client("second", state)); err == nil {
				t.Errorf("a second one is %s", state)
			}
		}
		other := client("other", keyward.ClientActive)
		other.KeyManagerID = "km2"
		if err := put(other); err != nil { // the control
			t.Errorf("one of another key manager: %v", err)
		}
		var one, same *OwnClient
		write(t, s, func(tx *Tx) (err error) {
			if one, err = tx.OwnClient("a"); err != nil {
				return err
			}
			same, err = tx.OwnClient("a")
			return err
		})
		one.State = keyward.ClientRotating
		write(t, s, func(tx *Tx) error { return tx.PutOwnClient(one) })
		same.State = keyward.ClientDeleting
		if err := put(same); keyward.CodeOf(err) != keyward.CodeConflict {
			t.Errorf("written over: %v", err)
		}
		write(t, s, func(tx *Tx) error {
			return tx.KeepServer("km", func() (string, error) { return `{"token":"hush-server"}`, nil })
		})
		write(t, s, func(tx *Tx) error {
			used, err := tx.OwnClientInUse("km")
			if err != nil || used == nil || used.State != keyward.ClientRotating || used.Secrets[OwnSecret] != "hush-a" ||
				!strings.Contains(used.Secrets[OwnServer], "hush-server") {
				t.Errorf("in use: %+v, %v", used, err)
			}
			own, err := tx.SignInClient("km")
			if err != nil || own == nil || own.ID != "c-a" || own.Secret != "hush-a" || strings.Contains(own.String(), "hush") {
				t.Errorf("the console there: %v, %v", own, err)
			}
			if own, err := tx.SignInClient("nobody"); own != nil || err != nil {
				t.Errorf("nobody's: %v, %v", own, err)
			}
			var sealed string
			_, err = tx.run.One(`SELECT sealed FROM own_clients WHERE id = 'a'`, nil, &sealed)
			if err != nil || strings.Contains(sealed, "hush") {
				t.Errorf("stored: %s, %v", sealed, err)
			}
			return nil
		})
		write(t, s, func(tx *Tx) error { return tx.DropOwnClient("a") })
		if err := put(client("second", keyward.ClientActive)); err != nil {
			t.Errorf("after the first is gone: %v", err)
		}
	})
}
