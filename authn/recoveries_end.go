package authn

import (
	"context"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

// Run reminds the owners whose recovery ends within a day, and completes the recoveries that are due.
// Call it about hourly; a sign-in does it for its own account.
func (s *Recoveries) Run(ctx context.Context) error {
	return eachRecord(ctx, s.store, recoveryCasePrefix, func(c recoveryCase) error {
		var unsent error
		err := allowUnsentMail(s.runOne(ctx, c.UserID), &unsent) // it stays due, and does not hold up the others
		s.logUnsentMail(ctx, "recovery", unsent)
		return err
	})
}

// runOne does what is due for one account.
func (s *Recoveries) runOne(ctx context.Context, userID string) error {
	return s.store.Update(ctx, func(tx kv.Tx) error {
		c, some, err := loadRecovery(tx, userID)
		if err != nil || !some {
			return err
		}
		u, err := loadUser(tx, userID)
		if err != nil {
			return err
		}
		done, err := s.finishIfDue(tx, &u)
		if err != nil || done {
			return err
		}
		holds, err := c.valid(tx)
		if err == nil && !holds {
			_, err = s.cancelWaiting(tx, u, audit.Actor{}, "administrator")
			return err
		}
		if err != nil || c.Reminded || u.Frozen || s.now().Before(c.Ends.Add(-recoveryReminder)) {
			return err
		}
		c.Reminded = true
		if err := kv.PutJSON(tx, recoveryCasePrefix+userID, c); err != nil {
			return err
		}
		if err := s.notify(tx, u, audit.Actor{}, notices.RecoveryReminder, notices.Details{Until: c.Ends.UTC()}); err != nil {
			return err
		}
		return s.record(tx, userID, audit.Event{Kind: rowRecoveryReminded})
	})
}

// finishIfDue completes the recovery of u if it is due: it changes and saves u, and mails the link
// that lets new factors be set up. With ErrMail nothing is written, and the recovery stays due. If the
// account was frozen meanwhile, the recovery ends without effect.
func (s *Recoveries) finishIfDue(tx kv.Tx, u *userRecord) (done bool, err error) {
	c, some, err := loadRecovery(tx, u.ID)
	if err != nil || !some || s.now().Before(c.Ends) {
		return false, err
	}
	who := audit.Actor{UserID: c.ByID, Username: c.By}
	holds, err := c.valid(tx)
	switch {
	case err != nil:
		return false, err
	case !holds:
		_, err := s.cancelWaiting(tx, *u, audit.Actor{}, "administrator")
		return false, err
	case u.Frozen:
		_, err := s.cancelWaiting(tx, *u, who, "frozen")
		return false, err
	}
	text, key, link := s.newLink(PurposeRecovery, u.ID, u.Email)
	if err := s.mailRecoveryLink(tx, *u, text, link); err != nil { // before anything is written
		return false, err
	}
	if err := s.dropFactors(tx, u); err != nil {
		return false, err
	}
	u.Recovered, u.RecoveryBy, u.PasswordMailed = true, "", false // vouching covered the password, too
	if err := endUndo(tx, *u); err != nil {
		return false, err
	}
	u.Generation++
	for _, prefix := range []string{devicesOf(u.ID), pendingPrefix + u.ID + "/"} {
		if err := dropAll(tx, prefix); err != nil {
			return false, err
		}
	}
	if err := s.users.RevokeTokens(tx, u.ID, who, "at the recovery of the account"); err != nil {
		return false, err
	}
	if err := voidLinks(tx, u.ID); err != nil {
		return false, err
	}
	link.Generation = u.Generation
	if err := replaceLink(tx, recoverySlot(u.ID), key, link); err != nil {
		return false, err
	}
	if err := tx.Delete([]byte(recoveryCasePrefix + u.ID)); err != nil {
		return false, err
	}
	if err := s.recordForAdministrator(tx, who, rowRecoveryEndedFor, *u); err != nil {
		return false, err
	}
	return true, s.saveUser(tx, *u, audit.Event{Kind: rowRecoveryEnded, Actor: who})
}

// dropFactors takes all second factors and recovery codes from an account.
func (s *Recoveries) dropFactors(tx kv.Tx, u *userRecord) error {
	keys, err := s.loadKeys(tx, u.ID)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := tx.Delete([]byte(credentialKey(k.CredentialID))); err != nil {
			return err
		}
		if err := tx.Delete([]byte(keyKey(u.ID, k.ID))); err != nil {
			return err
		}
	}
	for _, key := range []string{totpKey(u.ID), recoveryKeyOf(u.ID)} {
		if err := tx.Delete([]byte(key)); err != nil {
			return err
		}
	}
	u.HasTOTP, u.Keys, u.KeysOnly, u.RecoveryLeft, u.RecoveryConfirmed = false, 0, false, 0, false
	return nil
}

// noteFactorGiven notes that the owner of u, or who is taken for them, gave a second factor in the
// Session x, if it is no longer half: the password has more behind it than a mailbox,
// and a recovery that waits ends. It changes u, which the caller saves.
func (s *Recoveries) noteFactorGiven(tx kv.Tx, u *userRecord, x Session, o Origin) error {
	if x.partial() {
		return nil
	}
	u.PasswordMailed = false
	return s.cancelAtSignIn(tx, *u, o, x.Factor)
}

// cancelAtSignIn ends a recovery of u, if one waits, because of a complete sign-in.
func (s *Recoveries) cancelAtSignIn(tx kv.Tx, u userRecord, o Origin, f Factor) error {
	_, err := s.cancelWaiting(tx, u, o.actor(u, f), "sign_in")
	return err
}
