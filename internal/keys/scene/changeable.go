package scene

import (
	"cmp"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
)

// maxOverlap bounds how long two secrets of a client are alive.
const maxOverlap = 30 * 24 * time.Hour

// Rotatable refuses a rotation of what has no secret of its own here, one whose two secrets would live for too long, and one
// that the server has no way to carry out by the key manager's settings: rotation_unsupported, overlap_unsupported, conflict
// for a rule, or invalid_input. No server is asked.
func (s *Scene) Rotatable(openers *connector.Openers, c *Client, overlap time.Duration) error {
	if err := s.hasSecret(c); err != nil {
		return err
	}
	if overlap < 0 || overlap > maxOverlap {
		return keyward.Invalid([]keyward.FieldError{keyward.Fault("overlap", "must lie between 0s and %s", maxOverlap)})
	}
	noRotation, noOverlap := s.lacks(openers)
	if noRotation != nil || overlap == 0 {
		return noRotation
	}
	return noOverlap
}

// lacks says what the server has no way to do by the key manager's settings: change a secret, and let the old one live on.
func (s *Scene) lacks(openers *connector.Openers) (noRotation, noOverlap error) {
	conn, err := openers.Open(s.Server)
	if err != nil {
		return Told(s.KeyManager.Name, err), nil
	}
	if _, ok := conn.(connector.Rotator); !ok {
		return keyward.Errorf(keyward.CodeRotationUnsupported,
			"%s offers no way to change a client's secret: delete the keys and generate new ones", s.KeyManager.Ref()), nil
	}
	if _, ok := conn.(connector.Overlapper); !ok {
		return nil, keyward.Errorf(keyward.CodeOverlapUnsupported,
			"%s keeps one secret of a client: a new one ends the old one at once, so rotate without an overlap", s.KeyManager.Ref())
	}
	return nil, nil
}

// hasSecret refuses what has no secret that could be changed here.
func (s *Scene) hasSecret(c *Client) error {
	if c.Spec.Match != nil {
		return c.OnlyRule()
	}
	if c.Status.Mode != keyward.ClientGenerated {
		return keyward.Errorf(keyward.CodeRotationUnsupported, "client %s is mapped: its secret is changed at %s",
			c.Spec.ClientID, s.KeyManager.Ref())
	}
	if of := c.Status.Reuses; of != nil {
		return keyward.Errorf(keyward.CodeRotationUnsupported, "client %s is that of key manager %s: rotate it there, and its new "+
			"secret counts here too", c.Spec.ClientID, of.KeyManager)
	}
	if connector.IsPublic(c.Status.Fields) {
		return keyward.Errorf(keyward.CodeRotationUnsupported, "client %s is public: it has no secret", c.Spec.ClientID)
	}
	return nil
}

// Rotation says whether a client's secret can be replaced at its server, as developers are shown it.
type Rotation struct {
	Rotates  bool   `json:"rotates" doc:"Its secret can be replaced, and its id stays"`
	Overlaps bool   `json:"overlaps" doc:"The old secret may live on beside the new one for a while (overlap)"`
	Obstacle string `json:"rotationObstacle,omitempty" doc:"What stands in the way of one, or of both"`
}

// RotationOf gives that of a client; without one, that of any with a secret that is made there.
func (s *Scene) RotationOf(openers *connector.Openers, c *Client) Rotation {
	var noRotation, noOverlap error
	if c != nil {
		noRotation = s.hasSecret(c)
	}
	if noRotation == nil {
		noRotation, noOverlap = s.lacks(openers)
	}
	r := Rotation{Rotates: noRotation == nil, Overlaps: noRotation == nil && noOverlap == nil}
	if err := cmp.Or(noRotation, noOverlap); err != nil {
		r.Obstacle = Told(s.KeyManager.Name, err).Words()
	}
	return r
}

// Updatable refuses a change at the server that nobody here can carry out: update_unsupported. No server is asked.
func (s *Scene) Updatable(openers *connector.Openers, c *Client) error {
	if c.Status.Mode != keyward.ClientGenerated {
		return keyward.Errorf(keyward.CodeUpdateUnsupported, "client %s is mapped: it is changed at %s",
			c.Spec.ClientID, s.KeyManager.Ref())
	}
	if of := c.Status.Reuses; of != nil {
		return keyward.Errorf(keyward.CodeUpdateUnsupported, "client %s is that of key manager %s: it is changed there",
			c.Spec.ClientID, of.KeyManager)
	}
	conn, err := openers.Open(s.Server)
	if err != nil {
		return Told(s.Place.KeyManager, err)
	}
	if _, ok := conn.(connector.Updater); !ok {
		return keyward.Errorf(keyward.CodeUpdateUnsupported,
			"%s offers no way to change a client: delete the keys and generate new ones", s.KeyManager.Ref())
	}
	return nil
}
