package resident

import (
	"fmt"
	"slices"
	"time"
)

// Schedule says how long keys and tokens live. A zero field takes its default.
type Schedule struct {
	TokenLifetime time.Duration // of access tokens; default 1 h
	RotateEvery   time.Duration // how long a key signs; default 30 days
	PublishAhead  time.Duration // how long a key is published before it signs; default 24 h
	Margin        time.Duration // how much longer than the last token a key stays published; default 1 h
}

func (s Schedule) withDefaults() Schedule {
	fill := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	fill(&s.TokenLifetime, time.Hour)
	fill(&s.RotateEvery, 30*24*time.Hour)
	fill(&s.PublishAhead, 24*time.Hour)
	fill(&s.Margin, time.Hour)
	return s
}

func (s Schedule) validate() error {
	if s.TokenLifetime < time.Second || s.RotateEvery < 0 || s.PublishAhead < 0 || s.Margin < 0 {
		return fmt.Errorf("key times must not be negative, and tokens live a second or longer")
	}
	if s.PublishAhead > s.RotateEvery {
		return fmt.Errorf("a key published %s ahead cannot be replaced every %s", s.PublishAhead, s.RotateEvery)
	}
	return nil
}

// keyMaker is GenerateKey, or what a test has in its place when it needs thousands.
type keyMaker func(now, activeFrom time.Time) (Key, error)

// advance moves a key ring to a moment: the first key is made and used at once, a successor is made PublishAhead
// before it is needed (or now, when asked to rotate), the key before it leaves when its last token has expired.
// It gives the new ring and whether it differs from the old one.
func (s Schedule) advance(ring KeyRing, now time.Time, rotate bool, generate keyMaker) (KeyRing, bool, error) {
	ring = slices.Clone(ring)
	if len(ring) == 0 {
		first, err := generate(now, now)
		return KeyRing{first}, true, err
	}
	changed := false
	last := ring.newest()
	if s.successorDue(*last, now) || rotate && !last.ActiveFrom.After(now) {
		next, err := generate(now, now.Add(s.PublishAhead))
		if err != nil {
			return nil, false, err
		}
		last.RetireAt = next.ActiveFrom.Add(s.TokenLifetime + s.Margin)
		ring, changed = append(ring, next), true
	}
	kept := slices.DeleteFunc(ring, func(k Key) bool { return k.retired(now) })
	return kept, changed || len(kept) != len(ring), nil
}

// due tells whether advance would change anything.
func (s Schedule) due(ring KeyRing, now time.Time) bool {
	return len(ring) == 0 || s.successorDue(*ring.newest(), now) ||
		slices.ContainsFunc(ring, func(k Key) bool { return k.retired(now) })
}

// successorDue is never true while the newest key still waits for its time: PublishAhead is no longer than RotateEvery.
func (s Schedule) successorDue(newest Key, now time.Time) bool {
	return !newest.ActiveFrom.After(now) && !now.Before(newest.ActiveFrom.Add(s.RotateEvery-s.PublishAhead))
}
