package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/password"
	"keyward.dev/keyward/internal/resident/peer"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/throttle"
)

// How many passwords may be tried: some at once, then one in each period.
const (
	accountBurst = 10 // for one user, from browsers that do not know them
	accountEvery = time.Minute
	pairBurst    = 5 // of these wrong ones from one address, so that the user finds some left at another one
	pairEvery    = 2 * time.Minute
	peerBurst    = 60 // from one address, for all users together
	peerEvery    = 2 * time.Second
	knownBurst   = 10 // for one user, in one browser in which they have signed in before
	knownEvery   = 10 * time.Second
	memory       = 10_000
)

// attempts bounds how many passwords are tried. Whoever signed in before in the same browser has a count of their own:
// others who try passwords for their name, from wherever, cannot keep them out.
type attempts struct {
	now      func() time.Time
	accounts *throttle.Throttle
	pairs    *throttle.Throttle
	peers    *throttle.Throttle
	known    *throttle.Throttle
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{
		now: now, accounts: throttle.New(accountEvery, accountBurst, memory), peers: throttle.New(peerEvery, peerBurst, memory),
		pairs: throttle.New(pairEvery, pairBurst, memory), known: throttle.New(knownEvery, knownBurst, memory),
	}
}

// take counts a try before the password is looked at. It gives how long to wait where it may not be made. Users who do
// not exist are counted like others.
func (a *attempts) take(ctx context.Context, tenant, name, browser string) time.Duration {
	now := a.now()
	if browser != "" {
		return a.known.Take(tenant+" "+name+" "+browser, now)
	}
	from := peer.Of(ctx)
	if wait := a.peers.Take(from, now); wait > 0 {
		return wait
	}
	if wait := a.pairs.Wait(tenant+" "+name+" "+from, now); wait > 0 {
		return wait
	}
	return a.accounts.Take(tenant+" "+name, now)
}

// wrong counts a password that was not the user's against the address that it came from.
func (a *attempts) wrong(ctx context.Context, tenant, name string) {
	a.pairs.Take(tenant+" "+name+" "+peer.Of(ctx), a.now())
}

// errPassword stands for a user who does not exist, one without a password, and a wrong one.
var errPassword = errors.New("the user name or the password is wrong")

// errWait tells that too many passwords were tried.
type errWait struct{ wait time.Duration }

// Error implements error.
func (e *errWait) Error() string { return fmt.Sprintf("too many tries: wait %s", e.wait) }

// prove gives the account of a user whose password it is. It takes the same time for users who do not exist.
func (p *Pages) prove(r *http.Request, name, text string) (*account.Account, error) {
	ctx := r.Context()
	tenant := PlaceOf(ctx).Tenant
	var a *account.Account
	err := p.store.Read(ctx, func(tx *store.Tx) (err error) {
		a, err = account.ByName(tx, tenant, name)
		return err
	})
	if err != nil && !errors.Is(err, account.ErrNone) {
		return nil, err
	}
	userID, browser := p.knownAs(r)
	if a == nil || userID != a.ID {
		browser = ""
	}
	if wait := p.attempts.take(ctx, tenant, name, browser); wait > 0 {
		return nil, &errWait{wait}
	}
	hash := p.decoy
	if a != nil && a.HasPassword() {
		hash = a.Hash()
	}
	fits, err := p.matches(ctx, hash, text)
	if err != nil {
		return nil, err
	}
	if a == nil || !a.HasPassword() || !fits {
		p.attempts.wrong(ctx, tenant, name)
		return nil, errPassword
	}
	return a, nil
}

// matches compares a password with a hash, a few at a time.
func (p *Pages) matches(ctx context.Context, hash, text string) (bool, error) {
	select {
	case p.checking <- struct{}{}:
	case <-ctx.Done():
		return false, fmt.Errorf("wait to compare a password: %w", ctx.Err())
	}
	defer func() { <-p.checking }()
	return password.Matches(hash, text), nil
}
