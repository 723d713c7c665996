package declare

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/manifest"
	"keyward.dev/keyward/internal/manifest/openapi"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/store"
)

// item is one object that a caller wants written, as far as it can be judged without the database.
type item struct {
	prefix string // in front of every field path: objects[3]. where several are written at once
	ref    keyward.Ref
	spec   keyward.Spec      // secrets already taken out
	values map[string]string // new secret values by path
	kept   secret.Kept       // what stays as it is stored
	sound  bool              // the manifest itself has no fault

	operations []keyward.Operation // of an API, read from its OpenAPI document where it has one
	findings   []openapi.Finding   // about that document
}

// batch is what one call writes. Everything in it happens, or nothing.
type batch struct {
	principal keyward.Principal
	items     []*item
	set       string
	prune     bool
	tenants   []string // where prune looks
	dryRun    bool
	create    bool // the object must be new

	ifMatch, ifNoneMatch string                        // ETags of which the object must have one, or none; empty = any
	again                func(*keyward.Object) error   // a subscription is asked for anew, unless this refuses it; nil = none is
	further              func(*world) ([]*item, error) // items that follow from what is stored; nil = none
}

// Action says what happened, or would happen, to an object.
type Action string

// The actions that results name.
const (
	Created   Action = "created"
	Updated   Action = "updated"
	Unchanged Action = "unchanged"
	Deleted   Action = "deleted"
	Held      Action = "held" // whatever else happened to it
)

// newItem takes the secrets out of a decoded manifest and reads what an OpenAPI document in it says. found are the
// faults that the manifest has already.
func (c *Writer) newItem(d manifest.Decoded, prefix, tenant string, found []keyward.FieldError) (*item, []keyward.FieldError) {
	it := &item{prefix: prefix, spec: d.Spec, sound: len(found) == 0}
	it.ref = keyward.Ref{Kind: d.Manifest.Kind, Tenant: d.Manifest.Metadata.Tenant, Name: d.Manifest.Metadata.Name}
	if it.ref.Tenant == "" {
		it.ref.Tenant = tenant
	}
	if it.ref.Kind == keyward.KindTenant { // tenants are objects of the installation
		if t := d.Manifest.Metadata.Tenant; t != "" && t != keyward.DefaultTenant {
			return it, []keyward.FieldError{keyward.Fault("metadata.tenant", "a tenant belongs to no other: leave it out")}
		}
		it.ref.Tenant = keyward.DefaultTenant
	}
	switch spec := d.Spec.(type) {
	case *keyward.APISpec:
		it.operations = spec.Operations
		if spec.OpenAPI != nil && spec.OpenAPI.Document != "" {
			read := c.ReadOpenAPI(spec.OpenAPI.Document)
			it.operations, it.findings = read.Operations, read.Findings
			return it, read.Faults
		}
	case *keyward.KeyManagerSpec:
		var faults []keyward.FieldError
		it.values, it.kept, faults = keymanager.TakeSecrets(spec)
		return it, append(faults, it.typeFaults(slices.Concat(found, faults), func(secrets map[string]string) []keyward.FieldError {
			return keymanager.Validate(spec, secrets)
		})...)
	case *keyward.ConnectionSpec:
		var faults []keyward.FieldError
		it.values, it.kept, faults = keymanager.TakeConnectionSecrets(spec)
		return it, append(faults, it.typeFaults(slices.Concat(found, faults), func(secrets map[string]string) []keyward.FieldError {
			return keymanager.ValidateConnection(spec, secrets)
		})...)
	case *keyward.UserSpec:
		it.values = map[string]string{}
		switch {
		case spec.Password.IsStored():
			it.kept = secret.Kept{passwordPath: passwordPath}
		case !spec.Password.IsZero():
			it.values[passwordPath] = spec.Password.Reveal()
			spec.Password = secret.Stored()
		}
	}
	return it, nil
}

// typeFaults are those that the type of a key manager or connection finds beside the ones found already. A manifest without any is
// judged by its type later, when it is known what is stored.
func (it *item) typeFaults(found []keyward.FieldError, judge func(secrets map[string]string) []keyward.FieldError) []keyward.FieldError {
	if len(found) == 0 {
		return nil
	}
	secrets := maps.Clone(it.values)
	if secrets == nil {
		secrets = map[string]string{}
	}
	for path, from := range it.kept {
		secrets[path] = keymanager.Unseen + from
	}
	// Beside what this build lacks, only fields that nobody knows count: the refusal stays one of not_supported.
	lacking := !slices.ContainsFunc(found, func(f keyward.FieldError) bool { return f.Code != keyward.CodeNotSupported })
	return slices.DeleteFunc(judge(secrets), func(f keyward.FieldError) bool {
		return manifest.Covered(f.Path, found) || lacking && !strings.HasPrefix(f.Path, "spec.connection.")
	})
}

const passwordPath = "password"

// badName is the fault of a name that is no DNS label.
func badName(path, name string) keyward.FieldError {
	return keyward.Fault(path, "%s", keyward.NameFault(name))
}

func coded(code keyward.Code, path, format string, args ...any) keyward.FieldError {
	return keyward.FieldError{Path: path, Code: code, Message: fmt.Sprintf(format, args...)}
}

// refused makes one error of field errors. Where all entries have one code, the error has it too, so that a conflict
// reads as a conflict.
func refused(fields []keyward.FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	code := fields[0].Code
	for _, f := range fields {
		if f.Code != code {
			return keyward.Invalid(fields)
		}
	}
	e := &keyward.Error{Code: code, Message: "some fields cannot be accepted", Fields: fields}
	if len(fields) == 1 {
		e.Message = strings.TrimPrefix(fields[0].Path+": "+fields[0].Message, ": ")
	}
	return e
}

// errMoved tells that the database changed between looking and writing in a way that needs another look.
var errMoved = errors.New("the objects changed while they were looked at")

const attempts = 5

// run carries out a batch: look at everything and collect every fault, talk to the servers of key managers that
// changed, then write in one transaction that looks again.
func (c *Writer) run(ctx context.Context, b *batch, known []keyward.FieldError) ([]*change, error) {
	if err := b.permitted(); err != nil {
		return nil, err
	}
	for range attempts {
		changes, err := c.attempt(ctx, b, known)
		if !errors.Is(err, errMoved) {
			return changes, err
		}
	}
	return nil, keyward.Errorf(keyward.CodeConflict, "others keep changing the same objects: try again")
}

func (c *Writer) attempt(ctx context.Context, b *batch, known []keyward.FieldError) ([]*change, error) {
	gathered := newGathered()
	faults := slices.Clone(known)
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		w := newWorld(c, tx, b, gathered)
		gathered.reset()
		if err := w.load(); err != nil {
			return err
		}
		found, err := w.check()
		faults = append(slices.Clone(known), found...)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := refused(faults); err != nil {
		return nil, err
	}
	if err := c.gather(ctx, gathered); err != nil {
		return nil, err
	}
	var changes []*change
	write := c.store.Write
	if b.dryRun {
		write = c.store.DryRun
	}
	err = write(ctx, b.principal.Actor(), func(tx *store.Tx) error {
		w := newWorld(c, tx, b, gathered)
		w.writing = true
		if err := w.load(); err != nil {
			return err
		}
		found, err := w.check()
		if err != nil {
			return err
		}
		if err := refused(found); err != nil {
			return err
		}
		changes, err = w.write()
		return err
	})
	if err != nil {
		return nil, err
	}
	return changes, nil
}

// permitted refuses what the principal's roles never allow. What depends on the objects is checked with them.
func (b *batch) permitted() error {
	for _, it := range b.items {
		if it.ref.Kind == "" {
			continue
		}
		if err := access.RequireWrite(b.principal, it.ref); err != nil {
			return err
		}
	}
	for _, tenant := range b.tenants {
		if !b.principal.IsOperator() && b.principal.Tenant != tenant {
			return keyward.Errorf(keyward.CodeForbidden, "user %s may not write in tenant %s", b.principal.User, tenant)
		}
	}
	return nil
}
