package authn

import (
	"context"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// SetupLink makes the one-time link for the first administrator and voids the previous one of this place. Once there
// is an account it makes none, and ok is false. The link goes to whoever starts the server, on its
// standard error stream, and nowhere else.
func (s *Accounts) SetupLink(ctx context.Context) (link Secret, expires time.Time, ok bool, err error) {
	text, key, rec := s.newLink(PurposeSetup, "", "")
	err = s.exempt.Update(ctx, func(tx kv.Tx) error {
		ok = false
		some, err := hasAccounts(tx)
		if err != nil || some {
			return err
		}
		ok = true
		if err := voidSetupLinks(tx, maxSetupLinks); err != nil {
			return err
		}
		if err := replaceLink(tx, setupSlot(s.place), key, rec); err != nil {
			return err
		}
		return s.record(tx, "", audit.Event{Kind: rowSetupLink})
	})
	if err != nil || !ok {
		return "", time.Time{}, false, err
	}
	return text, rec.Expires, true, nil
}

// hasAccounts reports whether anybody ever registered.
func hasAccounts(r kv.Reader) (bool, error) {
	found, err := r.Scan([]byte(userKey("")), nil, 1, false)
	return len(found) > 0, err
}

// CanRegister reports whether people may register without a link: the settings or the configuration
// allow it, and the first administrator has registered.
func (s *Accounts) CanRegister(ctx context.Context) (ok bool, err error) {
	err = s.store.View(ctx, func(r kv.Reader) (err error) {
		ok, err = s.settings.registrationOpen(r)
		return err
	})
	return ok, err
}
