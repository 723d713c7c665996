package keyward

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ApplicationSpec declares an application: the thing that has keys and subscriptions.
type ApplicationSpec struct {
	DisplayName string   `json:"displayName,omitempty"`
	Owner       string   `json:"owner,omitempty"`  // short for owners with one entry
	Owners      []string `json:"owners,omitempty"` // user names, KEYMANAGER|SUB, or group/NAME; they need not exist yet
}

// Kind implements Spec.
func (*ApplicationSpec) Kind() Kind { return KindApplication }

// References implements Spec: owners need not exist, so they are none.
func (*ApplicationSpec) References() []Ref { return nil }

// Validate implements Spec.
func (s *ApplicationSpec) Validate() []FieldError {
	var f faults
	f.shown("spec.displayName", s.DisplayName)
	if s.Owner != "" && len(s.Owners) > 0 {
		f.add("spec.owner", "give owner or owners, not both")
	}
	for i, o := range s.Owners {
		f.owner(fmt.Sprintf("spec.owners[%d]", i), o)
	}
	if s.Owner != "" {
		f.owner("spec.owner", s.Owner)
	}
	return f
}

func (f *faults) owner(path, owner string) {
	keyManager, subject, through := CutThrough(owner)
	switch {
	case !through:
		f.name(path, strings.TrimPrefix(owner, "group/"))
	case !ValidName(keyManager) || !ValidSubject(subject):
		f.add(path, "%q is nobody who signs in through a key manager: write KEYMANAGER|SUB", owner)
	}
}

// OwnedBy tells whether the user, or a group of theirs, owns the application.
func (s *ApplicationSpec) OwnedBy(user string, groups []string) bool {
	owns := func(owner string) bool {
		if group, ok := strings.CutPrefix(owner, "group/"); ok {
			return slices.Contains(groups, group)
		}
		return owner == user
	}
	return s.Owner != "" && owns(s.Owner) || slices.ContainsFunc(s.Owners, owns)
}

// HasOwners tells whether anybody owns the application.
func (s *ApplicationSpec) HasOwners() bool { return s.Owner != "" || len(s.Owners) > 0 }

// ApplicationOf names the application that a subscription or a client belongs to; ok is false for what belongs to none.
func ApplicationOf(s Spec) (name string, ok bool) {
	switch s := s.(type) {
	case *SubscriptionSpec:
		return s.Application, true
	case *OAuthClientSpec:
		return s.Application, true
	default:
		return "", false
	}
}

// ApplicationStatus is what is known of an application beyond its declaration.
type ApplicationStatus struct {
	Deleting *Deletion `json:"deleting,omitempty" doc:"Present while the application goes, with its keys"`
	Hold     *Hold     `json:"hold,omitempty" doc:"Present while the application is held; never stored here"`
}

// Deletion says who has an application deleted together with its keys. It goes on until nothing is left.
type Deletion struct {
	By    string    `json:"by"`
	Since time.Time `json:"since"`
}

// DeletionOf tells whether an application is being deleted; nil = it is not.
func DeletionOf(application *Object) (*Deletion, error) {
	if application.Kind != KindApplication || len(application.Status) == 0 {
		return nil, nil //nolint:nilnil // nil says that nobody deletes it
	}
	var status ApplicationStatus
	if err := json.Unmarshal(application.Status, &status); err != nil {
		return nil, fmt.Errorf("read the status of %s: %w", application.Ref(), err)
	}
	return status.Deleting, nil
}
