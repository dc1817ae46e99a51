package authn

import (
	"context"
	"errors"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
)

// Somebody who has lost all second factors and recovery codes regains access through a waiting time and
// several people, never through one person: an administrator starts a recovery, the owner gets a mail
// at once and another a day before its end, and any complete sign-in in the meantime
// ends the recovery without effect. When it takes effect it removes the second factors, the sessions,
// the remembered devices and the tokens; the owner then needs the password and a
// mailed link, in the same browser, to set up new factors.
//
// So an administrator's mistake alone lets in neither somebody who reads the mailbox nor somebody who
// knows the password. A password that was itself set by a mailed link, and has not been used to sign in
// since, proves only access to that mailbox; so does an address that was taken back by a mailed link. In these
// cases the administrator has to vouch for the person, the waiting time is twice as long, and setting a
// password by mail while a recovery waits ends it. All other
// administrators get a mail about each recovery that is started.

const (
	minRecoveryWait  = 24 * time.Hour // the least that Config.RecoveryWait may be
	recoveryReminder = 24 * time.Hour // how long before the end the owner gets a reminder
)

// Recoveries gives owners access to their accounts again after all second factors are lost.
type Recoveries struct {
	*core
	recoveryWait time.Duration
}

// Recovery is a recovery that waits for its end.
type Recovery struct {
	UserID  string
	By      string    // username of the administrator who started it, or the name of the Operator
	Vouched bool      // the administrator vouched for the person, whose password was set by mail
	Started time.Time // UTC
	Ends    time.Time // UTC; it takes effect then, or up to an hour later
}

// recoveryCase is under authn/account-recovery/<user id> while it waits.
type recoveryCase struct {
	UserID      string    `json:"user_id"`
	ByID        string    `json:"by_id,omitempty"`
	By          string    `json:"by,omitempty"`
	ByAdminTerm uint64    `json:"by_admin_term,omitempty"` // userRecord.AdminTerm of the administrator
	Vouched     bool      `json:"vouched,omitempty"`
	Started     time.Time `json:"started"`
	Ends        time.Time `json:"ends"`
	Reminded    bool      `json:"reminded,omitempty"`
}

const recoveryCasePrefix = "authn/account-recovery/"

func recoverySlot(userID string) string { return "authn/link-of/recovery/" + userID }

func (c recoveryCase) public() Recovery {
	return Recovery{UserID: c.UserID, By: c.By, Vouched: c.Vouched, Started: c.Started, Ends: c.Ends}
}

// loadRecovery reads the recovery of an account; some is false if none waits.
func loadRecovery(r kv.Reader, userID string) (c recoveryCase, some bool, err error) {
	err = kv.GetJSON(r, recoveryCasePrefix+userID, &c)
	if errors.Is(err, kv.ErrNotFound) {
		return recoveryCase{}, false, nil
	}
	return c, err == nil, err
}

// Duration is how long a recovery of the account would wait if it were started now.
func (s *Recoveries) Duration(u User) time.Duration {
	if u.PasswordMailed {
		return 2 * s.recoveryWait
	}
	return s.recoveryWait
}

// Start begins a recovery, which gives an account without its second factors back to its owner; the
// comment above says what follows. by is an administrator with a fresh factor; vouched says that they
// checked, and not by mail, who asks for it.
//
// Its problems are recovery_self, recovery_frozen, recovery_needless (there is no
// second factor to lose), recovery_waits (one is under way) and
// recovery_vouch (the password was set by mail, and vouched is false).
func (s *Recoveries) Start(ctx context.Context, by Session, o Origin, userID string, vouched bool) (Recovery, error) {
	var c recoveryCase
	err := s.administer(ctx, s.store, by, o, userID, rowRecoveryStarted, func(tx kv.Tx, u *userRecord, admin userRecord, who audit.Actor) (_ bool, err error) {
		if err := s.mayRecover(tx, *u, who, vouched); err != nil {
			return false, err
		}
		now := s.now().UTC()
		c = recoveryCase{
			UserID: u.ID, ByID: who.UserID, By: who.Username, ByAdminTerm: admin.AdminTerm, Vouched: u.PasswordMailed,
			Started: now, Ends: now.Add(s.Duration(u.public())),
		}
		c.Reminded = !c.Started.Before(c.Ends.Add(-recoveryReminder))
		if err := kv.PutJSON(tx, recoveryCasePrefix+u.ID, c); err != nil {
			return false, err
		}
		if err := s.notifyStarted(tx, *u, who, c); err != nil {
			return false, err
		}
		return true, s.recordForAdministrator(tx, who, rowRecoveryStartedFor, *u)
	})
	if err != nil {
		return Recovery{}, err
	}
	return c.public(), nil
}

// notifyStarted notifies the owner of an account and the other administrators that a recovery was
// started.
func (s *Recoveries) notifyStarted(tx kv.Tx, u userRecord, who audit.Actor, c recoveryCase) error {
	if err := s.notify(tx, u, who, notices.RecoveryStarted, notices.Details{Until: c.Ends.UTC()}); err != nil {
		return err
	}
	others, err := otherAdministrators(tx, u.ID, who.UserID)
	if err != nil {
		return err
	}
	for _, a := range others {
		if err := s.notify(tx, a, who, notices.RecoveryByOther, notices.Details{User: u.Username}); err != nil {
			return err
		}
	}
	return nil
}

// mayRecover returns why a recovery of u may not start.
func (s *Recoveries) mayRecover(r kv.Reader, u userRecord, who audit.Actor, vouched bool) error {
	_, waits, err := waitingRecovery(r, u.ID)
	switch {
	case err != nil:
		return err
	case u.ID == who.UserID:
		return problem.New("", CodeRecoverySelf)
	case u.Frozen:
		return problem.New("", CodeRecoveryFrozen)
	case waits:
		return problem.New("", CodeRecoveryWaits)
	case !u.EmailVerified, !u.hasFactor() && !u.Recovered:
		return problem.New("", CodeRecoveryNeedless)
	case u.PasswordMailed && !vouched:
		return problem.New("vouched", CodeRecoveryVouch)
	}
	return nil
}

// Cancel ends a recovery without effect; by is an administrator. ErrNotFound
// says that none waits.
func (s *Recoveries) Cancel(ctx context.Context, by Session, o Origin, userID string) error {
	return s.exempt.Update(ctx, func(tx kv.Tx) error {
		admin, err := s.sessionAdministrator(tx, by, false)
		if err != nil {
			return err
		}
		u, err := loadUser(tx, userID)
		if err != nil {
			return err
		}
		return s.mustCancelWaiting(tx, u, o.actor(admin, by.Factor), "administrator")
	})
}

// CancelOwn ends the recovery of the Session's account without effect.
// ErrNotFound says that none waits.
func (s *Recoveries) CancelOwn(ctx context.Context, x Session, o Origin) error {
	return s.exempt.Update(ctx, func(tx kv.Tx) error {
		u, err := s.signedInAccount(tx, x)
		if err != nil {
			return err
		}
		return s.mustCancelWaiting(tx, u, o.actor(u, x.Factor), "owner")
	})
}

func (s *Recoveries) mustCancelWaiting(tx kv.Tx, u userRecord, who audit.Actor, why string) error {
	dropped, err := s.cancelWaiting(tx, u, who, why)
	if err == nil && !dropped {
		err = ErrNotFound
	}
	return err
}

// cancelWaiting ends the recovery of an account, if one waits, with its audit rows, and
// notifies its owner. why is
// "administrator", "owner", "sign_in", "reset", "address" or "frozen".
func (s *Recoveries) cancelWaiting(tx kv.Tx, u userRecord, who audit.Actor, why string) (dropped bool, err error) {
	c, some, err := loadRecovery(tx, u.ID)
	if err != nil || !some {
		return false, err
	}
	if err := tx.Delete([]byte(recoveryCasePrefix + u.ID)); err != nil {
		return false, err
	}
	if c.ByID != "" {
		err := s.record(tx, c.ByID, audit.Event{
			Kind: rowRecoveryCancelledFor, Actor: who, Detail: map[string]string{"user": u.Username, "why": why},
		})
		if err != nil {
			return false, err
		}
	}
	if err := s.notify(tx, u, who, notices.RecoveryCancelled, notices.Details{}); err != nil {
		return false, err
	}
	return true, s.record(tx, u.ID, audit.Event{Kind: rowRecoveryCancelled, Actor: who, Detail: map[string]string{"why": why}})
}

// valid reports whether the administrator who started the recovery has been in office ever since.
func (c recoveryCase) valid(r kv.Reader) (bool, error) {
	if c.ByID == "" {
		return true, nil
	}
	by, err := loadUser(r, c.ByID)
	return err == nil && by.adminSince(c.ByAdminTerm), ignoreNotFound(err)
}

// waitingRecovery is loadRecovery for a valid recovery.
func waitingRecovery(r kv.Reader, userID string) (c recoveryCase, some bool, err error) {
	c, some, err = loadRecovery(r, userID)
	if err == nil && some {
		some, err = c.valid(r)
	}
	if !some {
		c = recoveryCase{}
	}
	return c, some, err
}

// cancelInvalid ends the recoveries whose administrator was frozen or is no longer one, each in a
// transaction of its own. None of them takes effect, whether this has run or not.
func (s *Recoveries) cancelInvalid(ctx context.Context, who audit.Actor) error {
	return eachRecord(ctx, s.store, recoveryCasePrefix, func(c recoveryCase) error {
		return s.exempt.Update(ctx, func(tx kv.Tx) error {
			c, some, err := loadRecovery(tx, c.UserID)
			if err != nil || !some {
				return err
			}
			if holds, err := c.valid(tx); err != nil || holds {
				return err
			}
			u, err := loadUser(tx, c.UserID)
			if err != nil {
				return err
			}
			_, err = s.cancelWaiting(tx, u, who, "administrator")
			return err
		})
	})
}

// Pending returns the waiting recovery of an account, for an administrator; some is false if there is
// none.
func (s *Recoveries) Pending(ctx context.Context, by Session, userID string) (out Recovery, some bool, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		if _, err := s.sessionAdministrator(r, by, false); err != nil {
			return err
		}
		c, there, err := waitingRecovery(r, userID)
		out, some = c.public(), there
		return err
	})
	return out, some, err
}

// Own is Recoveries.Pending of the Session's own account.
func (s *Recoveries) Own(ctx context.Context, x Session) (out Recovery, some bool, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		u, err := s.signedInAccount(r, x)
		if err != nil {
			return err
		}
		c, there, err := waitingRecovery(r, u.ID)
		out, some = c.public(), there
		return err
	})
	return out, some, err
}

// otherAdministrators returns the administrators who are neither the account nor the one who acts.
func otherAdministrators(r kv.Reader, except ...string) (out []userRecord, err error) {
	found, err := kv.All(r, []byte(adminKey("")))
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		a, err := loadUser(r, string(p.Value))
		if err != nil {
			return nil, err
		}
		if a.ID != except[0] && a.ID != except[1] && !a.Frozen {
			out = append(out, a)
		}
	}
	return out, nil
}
