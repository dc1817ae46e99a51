package authn

import (
	"context"
	"errors"
	"time"

	"github.com/rind-dev/rind/authn/totp"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// Authenticators are authenticator apps, which make time-based codes.
type Authenticators struct {
	*factors
	issuer string // what an app shows above the username
}

const provisioningLife = 30 * time.Minute

// totpRecord is an authenticator in the store, sealed, under authn/totp/<user id>.
type totpRecord struct {
	Secret string `json:"secret"` // base32
	totp.UsedSteps
	CreatedAt time.Time `json:"created_at"`
}

// Verify accepts a code of the authenticator as second factor. Besides those of Session and
// throttling, its problems are totp_format, totp_wrong and keys_only.
func (s *Authenticators) Verify(ctx context.Context, x Session, o Origin, code string) (Session, error) {
	code = cleanCode(code)
	if !consistsOf(code, totp.Digits, "0123456789") {
		return Session{}, problem.New("code", CodeTOTPFormat)
	}
	next, _, err := s.secondFactor(ctx, x, o, FactorTOTP, func(u userRecord) (factorCheck, error) {
		var rec totpRecord
		err := s.store.View(context.WithoutCancel(ctx), func(r kv.Reader) error { return s.getSealedJSON(r, totpKey(u.ID), &rec) })
		if err != nil {
			return nil, err
		}
		step, ok, err := totp.Match(rec.Secret, code, s.now(), rec.UpTo(s.now()))
		if err == nil && !ok {
			err = errWrong
		}
		return func(tx kv.Tx, u *userRecord) (accepted, error) {
			return accepted{row: rowFactorAccepted}, s.consumeStep(tx, u.ID, rec.Secret, step)
		}, err
	})
	return next, err
}

// consumeStep uses up the step of a code with all earlier steps of the account. It returns errWrong if
// that has happened meanwhile, or if the account has another authenticator.
func (s *Authenticators) consumeStep(tx kv.Tx, userID, secret string, step int64) error {
	var rec totpRecord
	err := s.getSealedJSON(tx, totpKey(userID), &rec)
	switch {
	case err != nil:
		return err
	case rec.Secret != secret, step <= rec.UpTo(s.now()):
		return errWrong
	}
	rec.Use(step)
	return s.putSealedJSON(tx, totpKey(userID), rec)
}

// Provisioning is what a page shows for setting up an authenticator.
type Provisioning struct {
	URL     string    // otpauth://totp/…
	Secret  string    // base32, for typing it in
	Groups  []string  // Secret in groups of four characters
	Expires time.Time // then another secret is made
}

// QRCode returns the QR code of URL: rows of modules, true is dark, without the quiet zone of four. It is computed
// at each call, which takes longer than all else of Begin.
func (p Provisioning) QRCode() ([][]bool, error) { return totp.QRCode(p.URL) }

// pendingTOTP is an authenticator that no code has confirmed yet, sealed, under
// authn/totp-pending/<user id>/<session id>. It belongs to one Session, because somebody else who
// knows the password must not see the secret that this Session is about to confirm.
type pendingTOTP struct {
	Secret  string    `json:"secret"`
	Expires time.Time `json:"expires"`
}

const pendingPrefix = "authn/totp-pending/"

func pendingKey(x Session) string { return pendingPrefix + x.UserID + "/" + x.ID }

// Begin returns what this Session needs to set up an authenticator, and makes it the first time; a
// page may ask again and again. If the account has an authenticator, Authenticators.Confirm replaces
// it, and the factor has to be fresh. The problems email_unverified and keys_only come first.
func (s *Authenticators) Begin(ctx context.Context, x Session) (Provisioning, error) {
	u, pending, err := s.pending(ctx, x)
	if err != nil {
		return Provisioning{}, err
	}
	if pending.Secret == "" {
		pending, err = s.keepPending(ctx, x, totp.NewSecret())
		if err != nil {
			return Provisioning{}, err
		}
	}
	return s.provisioning(u, pending), nil
}

// provisioning returns what a page shows of a pending authenticator.
func (s *Authenticators) provisioning(u userRecord, p pendingTOTP) Provisioning {
	return Provisioning{URL: totp.URL(s.issuer, u.Username, p.Secret), Secret: p.Secret, Groups: totp.Groups(p.Secret), Expires: p.Expires}
}

// pending reads what Authenticators.Begin stored; it returns zero if there is nothing or it has
// expired.
func (s *Authenticators) pending(ctx context.Context, x Session) (u userRecord, p pendingTOTP, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		var err error
		u, err = s.mayAddTOTP(r, x)
		if err != nil {
			return err
		}
		p, err = s.loadPending(r, x)
		return err
	})
	return u, p, err
}

// keepPending stores a secret, unless another request of the same Session was faster.
func (s *Authenticators) keepPending(ctx context.Context, x Session, secret string) (p pendingTOTP, err error) {
	err = s.store.Update(ctx, func(tx kv.Tx) error {
		if _, err := s.mayAddTOTP(tx, x); err != nil {
			return err
		}
		var err error
		p, err = s.loadPending(tx, x)
		if err != nil || p.Secret != "" {
			return err
		}
		p = pendingTOTP{Secret: secret, Expires: s.now().Add(provisioningLife).UTC()}
		return s.putSealedJSON(tx, pendingKey(x), p)
	})
	return p, err
}

// mayAddTOTP is mayAddFactor for an account that accepts more than keys.
func (s *Authenticators) mayAddTOTP(r kv.Reader, x Session) (userRecord, error) {
	u, err := s.mayAddFactor(r, x)
	if err == nil && u.KeysOnly {
		err = problem.New("", CodeKeysOnly)
	}
	return u, err
}

func (s *Authenticators) loadPending(r kv.Reader, x Session) (p pendingTOTP, err error) {
	err = s.getSealedJSON(r, pendingKey(x), &p)
	if errors.Is(err, kv.ErrNotFound) {
		return pendingTOTP{}, nil
	}
	if err == nil && !s.now().Before(p.Expires) {
		return pendingTOTP{}, nil
	}
	return p, err
}

// Confirm makes the pending authenticator the account's, given a code of it, and uses that code up. It
// ends all other sessions of the account; x goes on as the Session that is returned. Besides those of
// Authenticators.Begin, its problems are totp_format, totp_wrong, totp_out_of_sync and totp_expired.
func (s *Authenticators) Confirm(ctx context.Context, x Session, o Origin, code string) (Session, error) {
	code = cleanCode(code)
	if !consistsOf(code, totp.Digits, "0123456789") {
		return Session{}, problem.New("code", CodeTOTPFormat)
	}
	u, pending, err := s.pending(ctx, x)
	if err != nil {
		return Session{}, err
	}
	rec, err := s.confirmPending(pending, code)
	if err != nil {
		return Session{}, err
	}
	err = s.store.Update(ctx, func(tx kv.Tx) error {
		var err error
		u, err = s.mayAddTOTP(tx, x)
		if err != nil {
			return err
		}
		now, err := s.loadPending(tx, x)
		if err != nil {
			return err
		}
		if now.Secret != pending.Secret {
			return problem.New("", CodeTOTPExpired)
		}
		row := audit.Event{Kind: rowTOTPAdded, Actor: o.actor(u, FactorTOTP)}
		if u.HasTOTP {
			row.Kind = rowTOTPReplaced
		}
		u.HasTOTP = true
		u.Recovered, u.RecoveryBy = false, ""
		err = s.endOthers(tx, &u, o)
		if err != nil {
			return err
		}
		if err := s.putSealedJSON(tx, totpKey(u.ID), rec); err != nil {
			return err
		}
		if err := dropAll(tx, pendingPrefix+u.ID+"/"); err != nil {
			return err
		}
		return s.saveUser(tx, u, row)
	})
	if err != nil {
		return Session{}, err
	}
	return s.withFactor(x, u, FactorTOTP), nil
}

// confirmPending checks the first code of a pending authenticator.
func (s *Authenticators) confirmPending(p pendingTOTP, code string) (totpRecord, error) {
	if p.Secret == "" {
		return totpRecord{}, problem.New("", CodeTOTPExpired)
	}
	now := s.now()
	step, ok, err := totp.Match(p.Secret, code, now, 0)
	if err != nil {
		return totpRecord{}, err
	}
	if ok {
		return totpRecord{Secret: p.Secret, UsedSteps: totp.UsedSteps{Last: step}, CreatedAt: now.UTC()}, nil
	}
	skew, ok, err := totp.Skew(p.Secret, code, now)
	if err != nil {
		return totpRecord{}, err
	}
	if ok {
		return totpRecord{}, problem.New("code", CodeTOTPOutOfSync, "seconds", skew)
	}
	return totpRecord{}, problem.New("code", CodeTOTPWrong)
}

// Remove removes the authenticator, under the rules of SecurityKeys.Remove. ErrNotFound says that
// there is none.
func (s *Authenticators) Remove(ctx context.Context, x Session, o Origin) (Session, error) {
	return s.changeFactors(ctx, x, o, func(tx kv.Tx, u *userRecord) (string, map[string]string, error) {
		switch {
		case !u.HasTOTP:
			return "", nil, ErrNotFound
		case u.Keys == 0:
			return "", nil, problem.New("", CodeLastFactor)
		}
		u.HasTOTP = false
		return rowTOTPRemoved, nil, tx.Delete([]byte(totpKey(u.ID)))
	})
}
