package keyward

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"keyward.dev/keyward/internal/secret"
)

// Role opens a part of the management plane, within one tenant.
type Role string

// The roles. An administrator of the default tenant operates the installation: every tenant is theirs.
const (
	RoleAdmin     Role = "admin"
	RolePublisher Role = "publisher"
	RoleDeveloper Role = "developer"
	RoleAuditor   Role = "auditor"
)

// Roles are all of them.
func Roles() []Role { return []Role{RoleAdmin, RolePublisher, RoleDeveloper, RoleAuditor} }

// UserSpec declares a person or program that uses the management plane.
type UserSpec struct {
	Enabled  *bool        `json:"enabled,omitempty"` // default true; false: no sign-in, session or API token of theirs counts
	Email    string       `json:"email,omitempty"`
	Password secret.Value `json:"password,omitzero"`
	Roles    []Role       `json:"roles,omitempty"`
	Groups   []string     `json:"groups,omitempty"`
}

// Kind implements Spec.
func (*UserSpec) Kind() Kind { return KindUser }

// References implements Spec.
func (*UserSpec) References() []Ref { return nil }

// IsEnabled tells whether the user may do anything at all.
func (s *UserSpec) IsEnabled() bool { return s.Enabled == nil || *s.Enabled }

// Validate implements Spec.
func (s *UserSpec) Validate() []FieldError {
	var f faults
	f.shown("spec.email", s.Email)
	if s.Email != "" && (strings.Count(s.Email, "@") != 1 || strings.HasPrefix(s.Email, "@") || strings.HasSuffix(s.Email, "@")) {
		f.add("spec.email", "%q is not an email address", s.Email)
	}
	if p := s.Password.Reveal(); p != "" && utf8.RuneCountInString(p) < 8 {
		f.add("spec.password", "must have 8 or more characters")
	}
	for i, r := range s.Roles {
		f.oneOf(fmt.Sprintf("spec.roles[%d]", i), string(r),
			string(RoleAdmin), string(RolePublisher), string(RoleDeveloper), string(RoleAuditor))
	}
	for i, g := range s.Groups {
		f.name(fmt.Sprintf("spec.groups[%d]", i), g)
	}
	return f
}

// APIToken is a credential for the management plane. Only its SHA-256 is stored.
type APIToken struct {
	ID        string     `json:"id"`
	Tenant    string     `json:"tenant"`
	User      string     `json:"user"`
	CreatedAt time.Time  `json:"createdAt"`
	LastUsed  *time.Time `json:"lastUsed,omitempty"`
	RevokedAt *time.Time `json:"revokedAt,omitempty"`
}
