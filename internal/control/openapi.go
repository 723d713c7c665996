package control

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/manifest/openapi"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/wire"
)

// maxDocument bounds an OpenAPI document, in bytes: the manifest that carries it must fit into a request.
const maxDocument = 3 << 20

// Source is an OpenAPI document: its address, or its text.
type Source struct {
	URL      string `json:"url,omitempty" doc:"http or https; under the operator's rules for outbound addresses"`
	Document string `json:"document,omitempty" doc:"The text itself, in the place of url"`
}

// Imported is an OpenAPI document with the operations that an API gets from it.
type Imported struct {
	Document   string              `json:"document,omitempty" doc:"Where it was read from an address; absent where it was sent"`
	Operations []keyward.Operation `json:"operations"`
	Findings   []openapi.Finding   `json:"findings,omitempty" doc:"Where a gateway does otherwise than the document says"`
}

// Import reads an OpenAPI 3.0 or 3.1 document, from an address under the operator's outbound rules; nothing is stored.
// Anything else that is found there is not shown to anybody: the address may be one that only the control plane reaches.
// Refusals that a person is told: forbidden, invalid_input with the fields url and document.
func (c *Control) Import(ctx context.Context, p keyward.Principal, tenant string, from Source) (*Imported, error) {
	if err := access.Require(p, access.RightImport, tenant); err != nil {
		return nil, err
	}
	text := from.Document
	if text == "" {
		var err error
		if text, err = c.fetchDocument(ctx, from.URL); err != nil {
			return nil, err
		}
	} else if from.URL != "" {
		return nil, badURL("stands in the place of document: leave one of them out")
	}
	read := c.ReadOpenAPI(text)
	for i := range read.Faults {
		read.Faults[i].Path = "document"
	}
	if err := keyward.Invalid(read.Faults); err != nil {
		return nil, err
	}
	if from.Document != "" {
		text = "" // whoever sent it has it
	}
	return &Imported{Document: text, Operations: read.Operations, Findings: read.Findings}, nil
}

// Operations gives the operations of an API, those of its OpenAPI document too, to everybody who sees it.
func (c *Control) Operations(ctx context.Context, p keyward.Principal, tenant, name string) ([]keyward.Operation, error) {
	o, err := c.Get(ctx, p, keyward.Ref{Kind: keyward.KindAPI, Tenant: tenant, Name: name})
	if err != nil {
		return nil, err
	}
	spec, _ := o.Spec.(*keyward.APISpec)
	if spec.OpenAPI == nil {
		return spec.Operations, nil
	}
	read := c.ReadOpenAPI(spec.OpenAPI.Document)
	return read.Operations, keyward.Invalid(read.Faults)
}

// fetchDocument reads what is at an address if it is an OpenAPI document, whatever its version and faults.
func (c *Control) fetchDocument(ctx context.Context, address string) (string, error) {
	address, _, _ = strings.Cut(address, "#") // a part of the document is asked of nobody
	if fault := connector.URLFault(address); fault != "" {
		return "", badURL("%s: give one as in https://api.example.com/openapi.yaml", fault)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", badURL("is not a URL that can be asked")
	}
	req.Header.Set("Accept", "application/yaml, application/json, */*;q=0.5")
	req.Header.Set("User-Agent", wire.UserAgent)
	resp, err := c.client.Do(req) //nolint:bodyclose // ReadAll closes it
	if err != nil {
		return "", badURL("nothing was read: %s", wire.Words(outbound.NoAnswer(err).Error()))
	}
	body, err := outbound.ReadAll(resp, maxDocument)
	switch {
	case errors.Is(err, outbound.ErrTooLarge):
		return "", badURL("the document is larger than %d MiB", maxDocument>>20)
	case err != nil:
		return "", badURL("the answer of %s broke off", address)
	case resp.StatusCode != http.StatusOK:
		return "", badURL("%s answered %d", address, resp.StatusCode)
	}
	if !openapi.Is(string(body)) {
		return "", badURL("%s answers with something that is not an OpenAPI 3.0 or 3.1 document: give the address of the "+
			"JSON or YAML itself, not that of a page about it", address)
	}
	return string(body), nil
}

func badURL(format string, args ...any) error {
	return keyward.Invalid([]keyward.FieldError{keyward.Fault("url", format, args...)})
}
