package keyward

import (
	"encoding/json"
	"fmt"
	"time"
)

// Duration is a length of time written as Go writes it: 30s, 5m, 24h.
type Duration time.Duration

// UnmarshalJSON reads the written form. A bare number is refused: its unit would be a guess.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("write a duration with its unit, as in 30s, 5m or 24h")
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is not a duration of up to 292 years: write it with its unit, as in 30s, 5m or 24h", s)
	}
	*d = Duration(v)
	return nil
}

// MarshalJSON writes the form that UnmarshalJSON reads, without zero parts at its end: 5m, not 5m0s.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// String writes the duration without zero parts at its end.
func (d Duration) String() string {
	v := time.Duration(d)
	switch {
	case v == 0:
		return "0s"
	case v%time.Hour == 0:
		return fmt.Sprintf("%dh", v/time.Hour)
	case v%time.Minute == 0 && v < time.Hour:
		return fmt.Sprintf("%dm", v/time.Minute)
	default:
		return v.String()
	}
}

// Std gives the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }
