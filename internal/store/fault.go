package store

import (
	"errors"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
)

// errRace says that another transaction changed what this one had read: a fresh run of it will see that.
var errRace = errors.New("another transaction changed the same object")

// passing tells whether a fresh run of the transaction may succeed.
func passing(err error) bool { return errors.Is(err, errRace) || database.Passing(err) }

// settled is what an error says that is no fault of the database itself.
func settled(err error) error {
	var told *keyward.Error
	switch {
	case err == nil || errors.As(err, &told):
		return err
	case errors.Is(err, errRace), database.Constraint(err):
		return &keyward.Error{
			Code: keyward.CodeConflict, Message: "others are changing the same objects: try again", Err: err,
		}
	}
	return err
}
