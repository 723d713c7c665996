package enforce

import (
	"errors"

	"keyward.dev/keyward"
)

// refuse makes a refusal with the safe sentence of its code.
func refuse(code keyward.Code) *Refusal { return &Refusal{Code: code, Detail: detailOf(code)} }

// refuseWith makes a refusal with a sentence of its own, which must not carry anything of the token or of a server.
func refuseWith(code keyward.Code, detail string) *Refusal {
	return &Refusal{Code: code, Detail: detail}
}

// refuseFor turns the error of a verifier into a refusal. Its text is for explain and for logs; callers get the safe
// sentence of its code. An error without a code of the gateway means that the token could not be judged.
func refuseFor(err error, otherwise keyward.Code) *Refusal {
	if known, ok := asKeyward(err); ok {
		switch known.Code {
		case keyward.CodeInvalidToken, keyward.CodeTokenInactive, keyward.CodeTokenExpired,
			keyward.CodeKeyManagerUnavailable:
			return refuse(known.Code)
		}
	}
	return refuse(otherwise)
}

// detailOf is the sentence that a caller gets. It says nothing that the caller's own request does not show.
func detailOf(code keyward.Code) string {
	switch code {
	case keyward.CodeMissingCredentials:
		return "This operation needs an access token: send it as Authorization: Bearer."
	case keyward.CodeInvalidToken:
		return "The access token is not valid."
	case keyward.CodeUnknownIssuer:
		return "The access token is from an issuer that is not accepted."
	case keyward.CodeKeyManagerNotAllowed:
		return "This API does not accept tokens of the key manager that issued this one."
	case keyward.CodeTokenExpired:
		return "The access token has expired."
	case keyward.CodeTokenNotYetValid:
		return "The access token is not valid yet."
	case keyward.CodeTokenInactive:
		return "The access token is not active."
	case keyward.CodeTokenRevoked:
		return "The access token has been withdrawn."
	case keyward.CodeAudienceMismatch:
		return "The access token is meant for another audience."
	case keyward.CodeSenderConstraintFailed:
		return "The access token is bound to a key or certificate whose possession was not proved."
	case keyward.CodeInsufficientScope:
		return "The access token lacks a scope that this operation needs."
	case keyward.CodeNoSubscription:
		return "The client's application has no subscription to this API."
	case keyward.CodeSubscriptionBlocked:
		return "The application's subscription to this API is blocked."
	case keyward.CodeSubscriptionInactive:
		return "The application's subscription to this API is not active."
	case keyward.CodeEnvironmentMismatch:
		return "The client belongs to an environment that this API or its key manager does not have."
	case keyward.CodeNoSuchAPI:
		return "No API is at this path."
	case keyward.CodeNoSuchOperation:
		return "The API has no such operation."
	case keyward.CodePlanExhausted:
		return "The plan of this subscription allows no further call for now."
	case keyward.CodeKeyManagerUnavailable:
		return "The token cannot be checked at the moment."
	case keyward.CodeGatewayStale:
		return "This gateway cannot serve the call at the moment."
	default:
		return "The request cannot be accepted."
	}
}

func asKeyward(err error) (*keyward.Error, bool) {
	var known *keyward.Error
	ok := errors.As(err, &known)
	return known, ok
}
