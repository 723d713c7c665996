package keymanager

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/wire"
)

// Found is metadata that was looked at before there is a declaration.
type Found struct {
	// Discovery is what spec.discovery should say: the issuer where its metadata is in its place, else the metadata's own
	// address. It is empty where the issuer of every organization leads to its metadata by itself.
	Discovery string
	Differs   string // how the issuer differs from the address that was given; "" = it does not
	Document  map[string]json.RawMessage
	Status    keyward.KeyManagerStatus
	Many      bool // it is the metadata of every organization, whose issuer carries {tid}
}

// Look reads the metadata of an issuer, or at its own address. Unlike Discover it takes what it finds where the issuer is
// another than the address says, and says so.
func Look(ctx context.Context, at string, client *http.Client) (*Found, error) {
	ctx, cancel := context.WithTimeout(ctx, wire.Timeout)
	defer cancel()
	doc, place, err := firstMetadata(ctx, at, client)
	if err != nil {
		return nil, err
	}
	spec := &keyward.KeyManagerSpec{Type: keyward.TypeOIDC, Discovery: place}
	many := strings.Contains(wire.Member(doc, "issuer"), "{tenantid}")
	if many {
		spec.Type = keyward.TypeEntra
	}
	status, err := readMetadata(spec, place, doc)
	if err != nil {
		return nil, err
	}
	f := &Found{Discovery: status.Issuer, Document: doc, Status: status, Many: many}
	switch {
	case many && place == commonMetadata(status.Issuer):
		f.Discovery = ""
	case !placesOf(status.Issuer, place):
		f.Discovery = place
	}
	if !many && !strings.Contains(at, wellKnown) && status.Issuer != at {
		f.Differs = issuerMismatch(at, status.Issuer)
		said := foreignNote(place, status.Issuer)
		f.Status.Notes = slices.DeleteFunc(f.Status.Notes, func(note string) bool { return note == said })
	}
	return f, nil
}

// firstMetadata gives the document of the issuer itself, or else the first that one of its places has.
func firstMetadata(ctx context.Context, at string, client *http.Client) (metadata, string, error) {
	if strings.Contains(at, wellKnown) {
		doc, err := fetchDocument(ctx, at, client)
		return doc, at, err
	}
	var other metadata
	var where string
	var first error
	for _, place := range metadataPlaces(at) {
		doc, err := fetchDocument(ctx, place, client)
		switch {
		case err != nil && unreachable(err):
			return nil, "", err
		case err != nil:
			if first == nil {
				first = err
			}
		case wire.Member(doc, "issuer") == at:
			return doc, place, nil
		case wire.Member(doc, "issuer") == "":
			if first == nil {
				first = discoveryError(keyward.CodeInvalidInput, nil, "%s names no issuer", place)
			}
		case other == nil:
			other, where = doc, place
		}
	}
	if other != nil {
		return other, where, nil
	}
	return nil, "", first
}
