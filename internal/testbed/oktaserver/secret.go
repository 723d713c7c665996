package oktaserver

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"keyward.dev/keyward/internal/testbed/contract"
)

// secret is one of a client's. Its value is shown where it is made, and nowhere else.
type secret struct {
	id, value, created string
	active             bool
}

func (s *state) newSecret() *secret {
	s.count++
	made := time.Date(2026, 11, 28, 12, 0, s.count, 0, time.UTC)
	return &secret{
		id: fmt.Sprintf("ocs%08d", s.count), value: fmt.Sprintf("secret-of-okta-%d", s.count), active: true,
		created: made.Format("2006-01-02T15:04:05.000Z"),
	}
}

// takes tells whether a secret is one of the client's live ones.
func (c *client) takes(value string) bool {
	return value != "" && slices.ContainsFunc(c.secrets, func(s *secret) bool { return s.active && s.value == value })
}

func (s *state) secretCalls() []contract.Call {
	const all = "/api/v1/apps/{id}/credentials/secrets"
	body := contract.Members{
		"client_secret": {Kind: contract.Text}, "status": {Kind: contract.Text, Enum: []string{"ACTIVE", "INACTIVE"}},
	}
	return []contract.Call{
		{Doc: "List all OAuth 2.0 client secrets", Method: "GET", Path: all, Auth: s.admin, Do: s.ofApp(s.listSecrets)},
		{Doc: "Create an OAuth 2.0 client secret", Method: "POST", Path: all, Auth: s.admin, JSON: body, Do: s.ofApp(s.addSecret)},
		{Doc: "Deactivate an OAuth 2.0 client secret", Method: "POST", Path: all + "/{secret}/lifecycle/deactivate", Auth: s.admin,
			Do: s.ofApp(s.deactivateSecret)},
		{Doc: "Delete an OAuth 2.0 client secret", Method: "DELETE", Path: all + "/{secret}", Auth: s.admin, Do: s.ofApp(s.removeSecret)},
	}
}

// ofApp finds the client: its id is that of the application.
func (s *state) ofApp(do func(*contract.Exchange, *client)) func(*contract.Exchange) {
	return func(x *contract.Exchange) {
		id := x.R.PathValue("id")
		if c := s.find(id); c != nil {
			do(x, c)
			return
		}
		missing(x.W, id+" (AppInstance)")
	}
}

func (s *secret) answer() map[string]any {
	return map[string]any{
		"id": s.id, "status": map[bool]string{true: "ACTIVE", false: "INACTIVE"}[s.active], "created": s.created,
		"lastUpdated": s.created, "secret_hash": "hash-of-" + s.id, "_links": map[string]any{},
	}
}

func (s *state) listSecrets(x *contract.Exchange, c *client) {
	all := []map[string]any{}
	for _, one := range slices.Backward(c.secrets) {
		all = append(all, one.answer())
	}
	x.JSON(http.StatusOK, all)
}

func (s *state) addSecret(x *contract.Exchange, c *client) {
	if len(c.secrets) >= 2 {
		invalid(x.W, "client_secret: You can create up to two secrets")
		return
	}
	made := s.newSecret()
	if own, brought := x.Body["client_secret"].(string); brought {
		made.value = own
	}
	made.active = x.Body["status"] != "INACTIVE"
	c.secrets = append(c.secrets, made)
	answer := made.answer()
	answer["client_secret"] = made.value
	x.JSON(http.StatusCreated, answer)
}

func (c *client) secret(x *contract.Exchange) *secret {
	id := x.R.PathValue("secret")
	i := slices.IndexFunc(c.secrets, func(s *secret) bool { return s.id == id })
	if i < 0 {
		missing(x.W, id+" (ClientSecret)")
		return nil
	}
	return c.secrets[i]
}

func (s *state) deactivateSecret(x *contract.Exchange, c *client) {
	one := c.secret(x)
	if one == nil {
		return
	}
	if len(c.secrets) == 1 {
		invalid(x.W, "status: the only secret of a client cannot be deactivated")
		return
	}
	one.active = false
	x.JSON(http.StatusOK, one.answer())
}

func (s *state) removeSecret(x *contract.Exchange, c *client) {
	one := c.secret(x)
	if one == nil {
		return
	}
	if one.active {
		invalid(x.W, "status: only an inactive secret can be deleted")
		return
	}
	c.secrets = slices.DeleteFunc(c.secrets, func(o *secret) bool { return o == one })
	x.W.WriteHeader(http.StatusNoContent)
}
