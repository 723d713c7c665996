package store

import (
	"encoding/json"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
)

func keyManagerNoun() noun {
	return noun{
		kind: keyward.KindKeyManager, table: "key_managers", own: []string{"introspection", "connection_id", "is_global", "outbound"},
		by:   map[keyward.Kind]string{keyward.KindConnection: "x.connection_id = %s"},
		fill: fillKeyManager, link: linkKeyManager, clear: clearKeyManager,
		drop: func(tx *Tx, o *keyward.Object) error {
			tx.marks.Row(keyward.RowKeyManager, o.ID)
			tx.marks.Secrets(o.ID)
			return nil
		},
	}
}

func fillKeyManager(p *put) ([]any, error) {
	o, spec := p.o, specOf[*keyward.KeyManagerSpec](p.o)
	if err := p.tx.lockKeyManagers(); err != nil {
		return nil, err
	}
	if err := p.nameFree(spec.Global); err != nil {
		return nil, err
	}
	if err := p.leaveOthers(spec.Global); err != nil {
		return nil, err
	}
	p.search = spec.DisplayName + " " + string(spec.Type) + " " + spec.Issuer
	introspection, err := p.introspection()
	if err != nil {
		return nil, err
	}
	outbound := ""
	if p.row != "" {
		var row keyward.KeyManagerRow
		if err := json.Unmarshal([]byte(p.row), &row); err != nil {
			return nil, fmt.Errorf("read the gateways' row of %s: %w", o.Ref(), err)
		}
		row.ID, row.Tenant, row.Name, row.Global = o.ID, o.Tenant, o.Name, spec.Global
		if err := p.encode(row); err != nil {
			return nil, err
		}
		if outbound, err = outboundSecrets(row.Outbound); err != nil {
			return nil, err
		}
	}
	issuers, err := p.issuers()
	if err != nil {
		return nil, err
	}
	connection, err := p.connection(spec.ConnectionRef())
	if err != nil {
		return nil, err
	}
	return []any{introspection, connection, spec.Global, outbound}, p.issuersFree(issuers)
}

// KeyManagerRow gives what gateways are told of a key manager, as it was stored; nil where they are told nothing.
func (tx *Tx) KeyManagerRow(km *keyward.Object) (*keyward.KeyManagerRow, error) {
	var text string
	found, err := tx.run.One(`SELECT gateway_row FROM key_managers WHERE id = $1`, []any{km.ID}, &text)
	if err != nil || !found || text == "" {
		return nil, err
	}
	var row keyward.KeyManagerRow
	if err := json.Unmarshal([]byte(text), &row); err != nil {
		return nil, fmt.Errorf("read the gateways' row of %s: %w", km.Ref(), err)
	}
	return &row, nil
}

// TellKeyManager replaces what gateways are told of a key manager, and changes neither the object nor its version.
func (tx *Tx) TellKeyManager(km *keyward.Object, row json.RawMessage) error {
	_, err := tx.run.Exec(`UPDATE key_managers SET gateway_row = $1 WHERE id = $2`, database.Clean(string(row)), km.ID)
	tx.marks.Row(keyward.RowKeyManager, km.ID)
	return err
}

// AskKeys has every gateway read a key manager's keys anew, and changes neither the object nor its version.
func (tx *Tx) AskKeys(km *keyward.Object) error {
	_, err := tx.run.Exec(`UPDATE key_managers SET keys_asked = $1 WHERE id = $2`, database.Micros(tx.now), km.ID)
	if err != nil {
		return err
	}
	tx.marks.KeysAsked(km.ID)
	return tx.Audit(entryOf(km, "keys-refreshed"))
}

// connection gives the id of the Connection that the spec names; nil for none. Its fields went into the row, and nobody
// changes it while the lock on key managers is held: one that is no more as this transaction read it makes it begin anew.
func (p *put) connection(name string) (*string, error) {
	if name == "" {
		return nil, nil
	}
	id, err := p.refer(keyward.KindConnection, name, "spec.connection.ref")
	if err != nil || id == "" {
		return nil, err
	}
	var version int64
	if _, err := p.tx.run.One(`SELECT version FROM connections WHERE id = $1`, []any{id}, &version); err != nil {
		return nil, err
	}
	if seen, read := p.tx.seen[id]; read && seen != version {
		return nil, p.tx.run.Fault("meet another transaction", errRace)
	}
	return &id, nil
}

// outboundSecrets gives the paths of the secrets that gateways need to keep to a policy; they are sealed apart, and joined
// when the group's row is made.
func outboundSecrets(row *keyward.OutboundRow) (string, error) {
	if row == nil || len(row.Secrets) == 0 {
		return "", nil
	}
	text, err := json.Marshal(row.Secrets)
	if err != nil {
		return "", fmt.Errorf("encode the names of secrets: %w", err)
	}
	return string(text), nil
}

// introspection gives the row without its secret, which is sealed apart and joined when the group's row is made.
func (p *put) introspection() (string, error) {
	if p.extra.Row == nil && p.old != nil {
		var kept string
		_, err := p.tx.run.One(`SELECT introspection FROM key_managers WHERE id = $1`, []any{p.o.ID}, &kept)
		return kept, err
	}
	if p.extra.Introspection == nil || p.row == "" {
		return "", nil
	}
	row := *p.extra.Introspection
	row.ID, row.Secret, row.Next = p.o.ID, keyward.Sealed{}, nil
	text, err := json.Marshal(row)
	if err != nil {
		return "", fmt.Errorf("encode the introspection row of %s: %w", p.o.Ref(), err)
	}
	return string(text), nil
}

// claimed is an issuer that a key manager takes tokens of, and the field that says so.
type claimed struct{ issuer, path string }

// issuers lists those that the spec names, the one that discovery found where the spec names none, and those that the
// connector added to the gateways' row.
func (p *put) issuers() ([]claimed, error) {
	spec := specOf[*keyward.KeyManagerSpec](p.o)
	var status keyward.KeyManagerStatus
	if len(p.o.Status) > 0 {
		if err := json.Unmarshal(p.o.Status, &status); err != nil {
			return nil, fmt.Errorf("read the status of %s: %w", p.o.Ref(), err)
		}
	}
	var row keyward.KeyManagerRow
	if p.row != "" {
		if err := json.Unmarshal([]byte(p.row), &row); err != nil {
			return nil, fmt.Errorf("read the gateways' row of %s: %w", p.o.Ref(), err)
		}
	}
	main := spec.Issuer
	if main == "" {
		main = status.Issuer
	}
	all := []claimed{{main, "spec.issuer"}}
	for i, other := range spec.OtherIssuers {
		all = append(all, claimed{other.Issuer, fmt.Sprintf("spec.otherIssuers[%d].issuer", i)})
	}
	if len(row.Issuers) > 0 && row.Issuers[0].Organization != "" {
		all = nil // templates, which are no token's issuer
	}
	for _, r := range row.Issuers {
		all = append(all, claimed{r.Issuer, "spec.issuer"})
	}
	seen := map[string]bool{"": true}
	var list []claimed
	for _, c := range all {
		if !seen[c.issuer] {
			seen[c.issuer] = true
			list = append(list, c)
		}
	}
	return list, nil
}

func (p *put) toldApart() bool {
	for _, rule := range specOf[*keyward.KeyManagerSpec](p.o).Tokens.Match {
		if len(rule.Claims) > 0 {
			return true
		}
	}
	return false
}

// issuersFree refuses an issuer that another key manager of the tenant has, unless the claim rules of both tell their
// tokens apart; a global one has its issuers in every tenant.
func (p *put) issuersFree(issuers []claimed) error {
	apart, global := p.toldApart(), specOf[*keyward.KeyManagerSpec](p.o).Global
	for _, c := range issuers {
		p.indexed(c.path, c.issuer)
		other, found, err := p.issuerTaken(c.issuer, apart, global)
		if err != nil {
			return err
		}
		if found {
			return database.Conflict(c.path, "the issuer %s belongs to %s: several key managers may share one only if "+
				"tokens.match.claims of each tells their tokens apart",
				c.issuer, other)
		}
	}
	return nil
}

func linkKeyManager(p *put) error {
	tx, o := p.tx, p.o
	tx.marks.Row(keyward.RowKeyManager, o.ID)
	tx.marks.Secrets(o.ID)
	issuers, err := p.issuers()
	if err != nil {
		return err
	}
	if p.old != nil {
		if _, err := tx.run.Exec(`DELETE FROM issuers WHERE key_manager_id = $1`, o.ID); err != nil {
			return err
		}
	}
	apart := p.toldApart()
	for _, c := range issuers {
		if _, err := tx.run.Exec(`INSERT INTO issuers (key_manager_id, tenant, issuer, told_apart) VALUES ($1, $2, $3, $4)`,
			o.ID, o.Tenant, c.issuer, apart); err != nil {
			return err
		}
	}
	return nil
}
