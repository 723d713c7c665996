package keymanager

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
)

// template stands in an issuer for the id of an organization; every listed one makes an exact issuer of it.
const template = "{tid}"

// listLines are what a key manager for many organizations must have.
const listLines = "tokens: {match: [{claims: {tid: TENANT-ID}}]}, one entry for each"

// isOrganization keeps out what would make another issuer than it looks like (/ ? # %, dots alone), or would blur where
// the id ends in TID/CLIENTID and KEYMANAGER|TID|sub.
func isOrganization(id string) bool {
	const digits, letters = "0123456789", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return id != "" && len(id) <= 128 && strings.Trim(id, digits+letters+"-.") == "" && strings.Trim(id, "-.") == id
}

// ForMany tells that the key manager takes tokens of many organizations of one vendor, each of its own issuer.
func ForMany(spec *keyward.KeyManagerSpec) bool { return strings.Contains(spec.Issuer, template) }

// Organizations lists those that a key manager for many takes tokens of: the values of tid in tokens.match.
func Organizations(spec *keyward.KeyManagerSpec) []string {
	var ids []string
	for _, m := range spec.Tokens.Match {
		if id, ok := m.Claims["tid"].(string); ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// ClientIDFault says why the id cannot be that of a client there, or "": with many organizations, clients are known as
// TID/CLIENTID, because nothing keeps two of them from having the same id.
func ClientIDFault(spec *keyward.KeyManagerSpec, clientID string) string {
	if !ForMany(spec) {
		return ""
	}
	ids := Organizations(spec)
	tid, bare, cut := strings.Cut(clientID, "/")
	if cut && bare != "" && slices.Contains(ids, tid) {
		return ""
	}
	return fmt.Sprintf("must be TID/CLIENTID, because the key manager is for many organizations; TID is one of %s",
		strings.Join(ids, ", "))
}

// validateOrganizations wants {tid} as one whole segment of the path, in all issuers or in none, and a list of the
// organizations: without one, everybody who has an organization could make tokens that count.
func validateOrganizations(t connector.Type, spec *keyward.KeyManagerSpec) []keyward.FieldError {
	faults := templateFaults(t, "spec.issuer", spec.Issuer)
	many := ForMany(spec)
	for i, other := range spec.OtherIssuers {
		path := fmt.Sprintf("spec.otherIssuers[%d].issuer", i)
		if more := templateFaults(t, path, other.Issuer); len(more) > 0 {
			faults = append(faults, more...)
		} else if strings.Contains(other.Issuer, template) != many {
			faults = append(faults, fieldError(path, "spec.issuer and all of spec.otherIssuers must carry %s, or none: "+
				"register a key manager of its own for %s", template, other.Issuer))
		}
	}
	if !many || len(faults) > 0 {
		return faults
	}
	for i, m := range spec.Tokens.Match {
		path := fmt.Sprintf("spec.tokens.match[%d].claims", i)
		switch id, ok := m.Claims["tid"].(string); {
		case len(m.Claims) == 0:
		case !ok:
			faults = append(faults, fieldError(path, "must name the organization, as the issuer carries %s: write %s", template, listLines))
		case !isOrganization(id):
			faults = append(faults, fieldError(path+".tid", "%q is not an organization's id: letters, digits, - and . are, as in "+
				"72f988bf-86f1-41af-91ab-2d7cd011db47", id))
		}
	}
	if len(faults) == 0 && len(Organizations(spec)) == 0 {
		faults = append(faults, fieldError("spec.tokens.match",
			"is required, the list of the organizations whose tokens are taken, as the issuer carries %s: write %s", template, listLines))
	}
	return faults
}

func templateFaults(t connector.Type, path, issuer string) []keyward.FieldError {
	if !strings.Contains(issuer, template) {
		return nil
	}
	u, err := url.Parse(issuer)
	switch {
	case !t.Many:
		return []keyward.FieldError{fieldError(path, "%s is for type %s only: write the exact iss of one organization's tokens, "+
			"and register a key manager for each", template, keyward.TypeEntra)}
	case err != nil || strings.Count(issuer, template) != 1 || !strings.Contains(u.Path+"/", "/"+template+"/"):
		return []keyward.FieldError{fieldError(path, "%s must be one whole segment of the path, as in "+
			"https://login.microsoftonline.com/{tid}/v2.0 or https://sts.windows.net/{tid}/", template)}
	}
	return nil
}

// expand makes one exact issuer for each organization of every template.
func expand(rows []keyward.IssuerRow, organizations []string) []keyward.IssuerRow {
	var exact []keyward.IssuerRow
	for _, row := range rows {
		for _, id := range organizations {
			one := row
			one.Issuer, one.Organization = strings.Replace(row.Issuer, template, id, 1), id
			exact = append(exact, one)
		}
	}
	return exact
}

// commonMetadata is where the server keeps the metadata that holds for every organization.
func commonMetadata(issuer string) string {
	return strings.TrimSuffix(strings.Replace(issuer, template, "common", 1), "/") + wellKnown + "openid-configuration"
}
