package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/keys/standing"
	"keyward.dev/keyward/internal/output"
	"keyward.dev/keyward/internal/remote"
)

type keysCmd struct {
	Generate keysGenerateCmd `cmd:"" help:"Create a client in the key manager, and show its secret once."`
	Map      keysMapCmd      `cmd:"" help:"Map a client that already exists in the key manager to the application."`
	Rotate   keysRotateCmd   `cmd:"" help:"Replace the secret of a generated client, and keep its ID."`
	List     keysListCmd     `cmd:"" help:"List the application's clients in every key manager."`
	Options  keysOptionsCmd  `cmd:"" help:"List where the application may have keys, and which of its APIs accept them."`
	Reveal   keysRevealCmd   `cmd:"" help:"Show the secret of an approved client, or one that was lost on its way in the last 10 minutes."`
	Dismiss  keysDismissCmd  `cmd:"" help:"Forget a registration that failed with an unknown outcome."`
	Delete   keysDeleteCmd   `cmd:"" help:"Delete a generated client, or unmap a mapped one."`
	Token    keysTokenCmd    `cmd:"" help:"Get a token by client credentials, to try an API out."`
	Update   keysUpdateCmd   `cmd:"" help:"Change a generated client. What you do not name stays as it is."`
	Retry    keysRetryCmd    `cmd:"" help:"Retry at once what failed or waits for the key manager."`
	Cancel   keysCancelCmd   `cmd:"" help:"Cancel a request, registration or rotation that is in progress."`
	Mend     keysMendCmd     `cmd:"" help:"Repair a client that was changed or deleted at its key manager."`
	Revoke   keysRevokeCmd   `cmd:"" help:"Disable a client for good, now. It stays listed until it is deleted or replaced."`
	Requests keysRequestsCmd `cmd:"" help:"List requests for keys that need an approval."`
	Approve  keysApproveCmd  `cmd:"" help:"Approve a request for keys. Only the person who asked can see the secret."`
	Reject   keysRejectCmd   `cmd:"" help:"Reject a request for keys, with a reason."`
}

// place is where a client belongs.
type place struct {
	Application string `required:"" placeholder:"A" help:"the application"`
	KeyManager  string `required:"" placeholder:"K" help:"the key manager"`
	Environment string `enum:"production,sandbox" default:"production" help:"production or sandbox"`
}

// keysRequest is the body of every call about one place; each call reads the fields that concern it.
type keysRequest struct {
	KeyManager   string         `json:"keyManager"`
	Environment  string         `json:"environment"`
	Grants       []string       `json:"grants,omitempty"`
	Callbacks    []string       `json:"callbacks,omitempty"`
	Scopes       []string       `json:"scopes,omitempty"`
	Fields       map[string]any `json:"fields,omitempty"`
	ClientID     string         `json:"clientId,omitempty"`
	ClientSecret string         `json:"clientSecret,omitempty"`
	Audience     string         `json:"audience,omitempty"`
	Resources    []string       `json:"resources,omitempty"`

	Overlap keyward.Duration `json:"overlap,omitempty"`
	Reason  string           `json:"reason,omitempty"`
	Request string           `json:"request,omitempty"`

	ReuseClientOf string `json:"reuseClientOf,omitempty"`
}

// keysAnswer is what a developer needs to use a client.
type keysAnswer struct {
	ClientID      string `json:"clientId"`
	ClientSecret  string `json:"clientSecret,omitempty"`
	TokenEndpoint string `json:"tokenEndpoint,omitempty"`
	State         string `json:"state,omitempty"`
	keysGiven
}

// keysGiven is what the key manager made of what was asked for.
type keysGiven struct {
	Grants          []string   `json:"grants,omitempty"`
	Scopes          []string   `json:"scopes,omitempty"`
	LackingGrants   []string   `json:"lackingGrants,omitempty"`
	LackingScopes   []string   `json:"lackingScopes,omitempty"`
	LackingFields   []string   `json:"lackingFields,omitempty"`
	SecretExpiresAt *time.Time `json:"secretExpiresAt,omitempty"`
	OldSecretUntil  *time.Time `json:"oldSecretUntil,omitempty"`

	Entitlement *keyward.ClientEntitlement `json:"entitlement,omitempty"`
}

func (p place) request() keysRequest {
	return keysRequest{KeyManager: p.KeyManager, Environment: p.Environment}
}

// send posts to /applications/A/keys, or to a verb below it.
func (p place) send(s *session, verb string, body, out any) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	segments := []string{"applications", p.Application, "keys"}
	if verb != "" {
		segments = append(segments, verb)
	}
	return c.Call(s.ctx, http.MethodPost, c.Path(segments), body, out)
}

// show sends a verb that answers with a client, and prints that.
func show(s *session, o output.Flag, at place, verb string, body keysRequest) error {
	var k keysAnswer
	if err := at.send(s, verb, body, &k); err != nil {
		return err
	}
	if o.Output == "table" && k.State == string(keyward.ClientAwaiting) {
		return at.sayAwaits(s)
	}
	return printKeys(s, o, k)
}

func printKeys(s *session, o output.Flag, k keysAnswer) error {
	rows := [][]string{{"Client id:", k.ClientID}}
	if k.ClientSecret != "" {
		rows = append(rows, []string{"Client secret:", k.ClientSecret})
	}
	if k.TokenEndpoint != "" {
		rows = append(rows, []string{"Token endpoint:", k.TokenEndpoint})
	}
	if k.SecretExpiresAt != nil {
		rows = append(rows, []string{"Secret expires:", k.SecretExpiresAt.Format(time.RFC3339)})
	}
	if k.OldSecretUntil != nil {
		rows = append(rows, []string{"Old secret until:", k.OldSecretUntil.Format(time.RFC3339)})
	}
	if without := standing.Lacking(k.LackingGrants, k.LackingScopes, k.LackingFields); without != "" {
		rows = append(rows, []string{"Grants:", strings.Join(k.Grants, ", ")}, []string{"Scopes:", strings.Join(k.Scopes, ", ")},
			[]string{"Not given:", without})
	}
	if e := k.Entitlement; e != nil {
		rows = append(rows, entitled(e)...)
	}
	if err := o.Print(s.out, k, rows); err != nil {
		return err
	}
	if o.Output == "table" && k.ClientSecret != "" {
		_, err := fmt.Fprintln(s.out, "The secret is shown this once.")
		return err
	}
	return nil
}

// entitled tells what subscriptions gave the client, or what stands in the way.
func entitled(e *keyward.ClientEntitlement) [][]string {
	var rows [][]string
	if len(e.Scopes) > 0 {
		rows = append(rows, []string{"By subscription:", strings.Join(e.Scopes, ", ")})
	}
	if why := standing.InTheWay(e); why != "" {
		rows = append(rows, []string{"To do:", why})
	}
	return rows
}

// keysWish is what a client should be able to do.
type keysWish struct {
	place
	Grant    []string          `sep:"none" placeholder:"GRANT" help:"grant type (repeatable; a new client gets client_credentials)"`
	Callback []string          `sep:"none" placeholder:"URL" help:"redirect URI (repeatable)"`
	Scope    []string          `sep:"none" placeholder:"SCOPE" help:"scope (repeatable)"`
	Set      map[string]string `placeholder:"FIELD=VALUE" mapsep:"none" help:"a field of the type (repeatable)"`
	output.Flag
}

func (cmd *keysWish) asked() keysRequest {
	req := cmd.request()
	req.Grants, req.Callbacks = cmd.Grant, cmd.Callback
	for _, scopes := range cmd.Scope {
		req.Scopes = append(req.Scopes, strings.Fields(scopes)...)
	}
	for field, value := range cmd.Set {
		if req.Fields == nil {
			req.Fields = map[string]any{}
		}
		req.Fields[field] = value
	}
	return req
}

type keysGenerateCmd struct {
	keysWish
	ReuseClientOf string `placeholder:"KM" help:"create none: reuse the client in this key manager, which has the same Connection"`
}

// Run creates a client.
func (cmd *keysGenerateCmd) Run(s *session) error {
	req := cmd.asked()
	req.ReuseClientOf = cmd.ReuseClientOf
	return show(s, cmd.Flag, cmd.place, "", req)
}

type keysUpdateCmd struct{ keysWish }

// Run changes a client.
func (cmd *keysUpdateCmd) Run(s *session) error {
	return show(s, cmd.Flag, cmd.place, "update", cmd.asked())
}

type keysMapCmd struct {
	place
	ClientID         string `required:"" placeholder:"ID" help:"the client ID in the key manager"`
	ClientSecretFile string `placeholder:"F" help:"file with its secret, used once (- for standard input); none is for administrators"`
	output.Flag
}

// Run maps an existing client.
func (cmd *keysMapCmd) Run(s *session) error {
	req := cmd.request()
	req.ClientID = cmd.ClientID
	var err error
	if req.ClientSecret, err = s.clientSecret(cmd.ClientSecretFile); err != nil {
		return err
	}
	return show(s, cmd.Flag, cmd.place, "map", req)
}

// clientSecret reads a client's secret from a file, or from standard input for -; "" without one.
func (s *session) clientSecret(file string) (string, error) {
	var text []byte
	var err error
	switch file {
	case "":
		return "", nil
	case "-":
		text, err = io.ReadAll(s.stdin)
	default:
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return "", fmt.Errorf("read the client's secret: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

type keysRotateCmd struct {
	place
	Overlap time.Duration `placeholder:"TIME" help:"how long the old secret stays valid, as in 24h, where the key manager supports it"`
	output.Flag
}

// Run replaces the secret.
func (cmd *keysRotateCmd) Run(s *session) error {
	req := cmd.request()
	req.Overlap = keyward.Duration(cmd.Overlap)
	return show(s, cmd.Flag, cmd.place, "rotate", req)
}

type keysRevealCmd struct {
	place
	output.Flag
}

// Run fetches a lost secret once more.
func (cmd *keysRevealCmd) Run(s *session) error {
	return show(s, cmd.Flag, cmd.place, "reveal", cmd.request())
}

type keysListCmd struct {
	Application string `required:"" placeholder:"A" help:"the application"`
	KeyManager  string `placeholder:"K" help:"only in this key manager"`
	Environment string `enum:"production,sandbox," default:"" help:"only in this environment"`
	output.Flag
}

// listedKey is one client in a listing.
type listedKey struct {
	KeyManager  string                     `json:"keyManager"`
	Environment keyward.Environment        `json:"environment"`
	ClientID    string                     `json:"clientId,omitempty"`
	Match       *keyward.ClientMatch       `json:"match,omitempty"`
	Status      *keyward.OAuthClientStatus `json:"status,omitempty"`

	LastUsedAt          *time.Time `json:"lastUsedAt,omitempty"`
	SecretLastUsedAt    *time.Time `json:"secretLastUsedAt,omitempty"`
	OldSecretLastUsedAt *time.Time `json:"oldSecretLastUsedAt,omitempty"`
	keysDetail
	scene.Rotation
}

// keysDetail is what the server adds for people.
type keysDetail struct {
	Name          string `json:"name,omitempty"`
	TokenEndpoint string `json:"tokenEndpoint,omitempty"`
}

// Run lists the application's clients.
func (cmd *keysListCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	keys, err := remote.Whole[listedKey](s.ctx, c, []string{"applications", cmd.Application, "keys"},
		"keyManager", cmd.KeyManager, "environment", cmd.Environment)
	if err != nil {
		return err
	}
	rows := [][]string{{
		"KEY MANAGER", "ENVIRONMENT", "CLIENT ID", "MODE", "STATE", "LAST USED", "SECRET EXPIRES", "ROTATES", "REASON",
	}}
	for _, k := range keys {
		row := []string{k.KeyManager, string(k.Environment), k.ClientID}
		if k.Match != nil {
			row[2] = k.Match.String()
		}
		if k.Status != nil {
			row = append(row, standing.Ownership(k.Status), string(k.Status.State), output.Time(k.LastUsedAt),
				output.Time(k.Status.SecretExpiresAt), standing.Rotates(k.Rotation), standing.Reason(k.Status))
		}
		rows = append(rows, row)
	}
	return cmd.Print(s.out, keys, rows)
}

type keysTokenCmd struct {
	place
	Scope            []string `sep:"none" placeholder:"SCOPE" help:"scope (repeatable)"`
	Audience         string   `placeholder:"A" help:"audience, where the server wants it under this name"`
	Resource         []string `sep:"none" placeholder:"URI" help:"resource (RFC 8707), where the server wants one (repeatable)"`
	ClientSecretFile string   `placeholder:"F" help:"file with a mapped client's secret, which is not kept (- for standard input)"`
	output.Flag
}

// accessToken is what the key manager's token endpoint answered.
type accessToken struct {
	Value     string `json:"access_token"`
	Type      string `json:"token_type"`
	ExpiresIn int64  `json:"expires_in,omitempty"`
	Scope     string `json:"scope,omitempty"`
}

// Run gets a token and prints it alone, so that it can stand in another command.
func (cmd *keysTokenCmd) Run(s *session) error {
	req := cmd.request()
	req.Audience, req.Resources = cmd.Audience, cmd.Resource
	for _, scopes := range cmd.Scope {
		req.Scopes = append(req.Scopes, strings.Fields(scopes)...)
	}
	var err error
	if req.ClientSecret, err = s.clientSecret(cmd.ClientSecretFile); err != nil {
		return err
	}
	var answer accessToken
	if err := cmd.send(s, "token", req, &answer); err != nil {
		return err
	}
	return cmd.Print(s.out, answer, [][]string{{answer.Value}})
}
