package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"keyward.dev/keyward"
)

// Who a call is made as: the shell variable that holds the token.
const (
	asResident  = "RESIDENT"
	asPartner   = "PARTNER"
	asWarehouse = "WAREHOUSE" // of the load alone
)

// step is one call of the show with the end it must have.
type step struct {
	title  string
	as     string
	method string
	path   string
	status int
	code   keyward.Code // of the problem document; empty for a success
}

func steps() []step {
	return []step{
		{"The resident authorization server's token passes", asResident, "GET", "/orders/v1/items", http.StatusOK, ""},
		{"The partner's token passes too", asPartner, "GET", "/orders/v1/items", http.StatusOK, ""},
		{
			"The API Invoices does not allow the partner", asPartner, "GET", "/invoices/v1/latest",
			http.StatusUnauthorized, keyward.CodeKeyManagerNotAllowed,
		},
		{
			"The token has " + scopeRead + ", the operation asks for " + scopeWrite, asResident, "POST", "/orders/v1/items",
			http.StatusForbidden, keyward.CodeInsufficientScope,
		},
		{
			"The application has no subscription to the API Reports", asResident, "GET", "/reports/v1/daily",
			http.StatusForbidden, keyward.CodeNoSubscription,
		},
	}
}

// keys is a client as REST shows it.
type keys struct {
	ClientID      string `json:"clientId"`
	ClientSecret  string `json:"clientSecret"`
	TokenEndpoint string `json:"tokenEndpoint"`
}

// show is one demo under way.
type show struct {
	options  Options
	upstream string
	partner  *partner
	password string // of the console's user
	client   *http.Client
}

func newShow(o Options, upstreamURL, partnerURL string) (*show, error) {
	p, err := newPartner(partnerURL)
	if err != nil {
		return nil, err
	}
	return &show{options: o, upstream: upstreamURL, partner: p, password: randomText(), client: newClient()}, nil
}

// run declares, tries, prints, and waits for the end.
func (s *show) run(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, s.options.Patience)
	defer cancel()
	credentials, err := s.declare(limited)
	if err == nil {
		err = s.rehearse(limited, credentials)
	}
	if ctx.Err() != nil {
		return nil // stopped by whoever started it, before there was anything to show
	}
	if err != nil {
		return fmt.Errorf("prepare the demo: %w", err)
	}
	if _, err := io.WriteString(s.options.Out, s.text(credentials)); err != nil {
		return fmt.Errorf("print the demo: %w", err)
	}
	s.keepCalling(ctx, credentials)
	return nil
}

// declare applies the manifests, makes the applications' keys and asks for what awaits an approval. It gives the clients by
// shell variable.
func (s *show) declare(ctx context.Context) (map[string]keys, error) {
	objects, err := manifests(s.upstream, s.partner, s.password)
	if err != nil {
		return nil, err
	}
	// The first try may come before the control plane listens.
	apply := map[string]any{"objects": objects.own}
	if err := s.until(ctx, func() error { return s.rest(ctx, "/api/v1/apply", apply, nil) }); err != nil {
		return nil, fmt.Errorf("apply the manifests: %w", err)
	}
	apply = map[string]any{"objects": objects.ofSet, "set": manifestSet}
	if err := s.rest(ctx, "/api/v1/apply", apply, nil); err != nil {
		return nil, fmt.Errorf("apply the manifests of the set %s: %w", manifestSet, err)
	}
	if err := s.ask(ctx, objects.asked); err != nil {
		return nil, err
	}
	credentials := map[string]keys{asPartner: {
		ClientID: s.partner.client.ID, ClientSecret: s.partner.client.Secret, TokenEndpoint: s.partner.issuer + "/oauth2/token",
	}}
	for as, name := range map[string]string{asResident: application, asWarehouse: warehouse} {
		if credentials[as], err = s.generate(ctx, name); err != nil {
			return nil, err
		}
	}
	return credentials, nil
}

// generate makes an application's keys at the resident authorization server.
func (s *show) generate(ctx context.Context, name string) (generated keys, err error) {
	place := map[string]any{
		"keyManager": keyward.ResidentName, "environment": keyward.Production, "grants": []string{"client_credentials"},
	}
	if err := s.rest(ctx, "/api/v1/applications/"+name+"/keys", place, &generated); err != nil {
		return keys{}, fmt.Errorf("generate keys: %w", err)
	}
	if generated.ClientID == "" || generated.ClientSecret == "" || generated.TokenEndpoint == "" {
		return keys{}, errors.New("generate keys: the answer lacks client id, secret or token endpoint")
	}
	return generated, nil
}

// ask applies manifests as the developer, who gets no more than an approval pending.
func (s *show) ask(ctx context.Context, objects []keyward.Manifest) error {
	var made struct {
		Token string `json:"token"`
	}
	if err := s.rest(ctx, "/api/v1/tokens", map[string]string{"user": developer}, &made); err != nil {
		return fmt.Errorf("make the developer's API token: %w", err)
	}
	if err := s.restAs(ctx, made.Token, "/api/v1/apply", map[string]any{"objects": objects}, nil); err != nil {
		return fmt.Errorf("ask for a subscription: %w", err)
	}
	return nil
}

// rehearse sends every call through the gateway until each has ended as it will be announced.
func (s *show) rehearse(ctx context.Context, credentials map[string]keys) error {
	for _, st := range steps() {
		err := s.until(ctx, func() error {
			token, err := s.token(ctx, credentials[st.as], scopeRead)
			if err != nil {
				return err
			}
			return s.try(ctx, st, token)
		})
		if err != nil {
			return fmt.Errorf("%s %s with the token %s: %w", st.method, st.path, st.as, err)
		}
	}
	return nil
}

func (s *show) try(ctx context.Context, st step, token string) error {
	status, body, err := s.pass(ctx, st.method, st.path, token)
	if err != nil {
		return err
	}
	var problem struct {
		Code keyward.Code `json:"code"`
	}
	if status != http.StatusOK && json.Unmarshal(body, &problem) != nil {
		return fmt.Errorf("the gateway answered %d without a problem document", status)
	}
	if status != st.status || problem.Code != st.code {
		return fmt.Errorf("the gateway answered %d %s instead of %d %s", status, problem.Code, st.status, st.code)
	}
	return nil
}

// until tries again every moment until it works or time is up; then the last failure is the answer.
func (s *show) until(ctx context.Context, try func() error) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	var told error
	for {
		err := try()
		if told != nil && ctx.Err() != nil { // the end of time says less than what went before
			err = told
		}
		told = err
		var final *refused
		if err == nil || errors.As(err, &final) && final.status < http.StatusInternalServerError {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
	}
}
