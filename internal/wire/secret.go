package wire

import (
	"context"
	"net/http"

	"keyward.dev/keyward/internal/rollover"
)

// WithSecret makes a call with a credential: with the value that the server takes, as far as is known, and where it refuses
// that, with the other one. call makes the request with a value; refused knows the answer that refuses the credential, and
// that nothing came of.
func (c *Caller) WithSecret(
	ctx context.Context, known *rollover.Memory, secret rollover.Credential, call func(value string) Call,
	refused func(*Answer) bool,
) (a *Answer, err error) {
	known.Try(ctx, secret, func(value string) rollover.Outcome {
		a, err = c.Do(ctx, call(value))
		switch {
		case err != nil:
			return rollover.Unknown
		case refused(a):
			return rollover.Refused
		case a.Status == http.StatusTooManyRequests, a.Status >= http.StatusInternalServerError:
			return rollover.Unknown
		default:
			return rollover.Taken
		}
	})
	return a, err
}

// Unauthorized is how most servers refuse a credential.
func Unauthorized(a *Answer) bool { return a.Status == http.StatusUnauthorized }

// RefusesClient tells that a token endpoint refuses a client's credentials (RFC 6749, section 5.2).
func RefusesClient(a *Answer) bool {
	if a.Status == http.StatusBadRequest {
		o, _ := a.Object() // none has no such member
		return Member(o, "error") == "invalid_client"
	}
	return Unauthorized(a)
}
