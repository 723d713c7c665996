package keyward

import "time"

// Gateway is one data plane process as the control plane knows it.
type Gateway struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Group     string     `json:"group"`
	CreatedAt time.Time  `json:"createdAt"`
	RevokedAt *time.Time `json:"revokedAt,omitempty"`
	LastSeen  *time.Time `json:"lastSeen,omitempty"`
	Revision  uint64     `json:"revision"` // the one it last reported
	Lag       uint64     `json:"lag"`      // how many revisions the group is ahead of that
	Stale     bool       `json:"stale"`    // it runs from its disk copy, without the control plane
	Build     string     `json:"build,omitempty"`
}
