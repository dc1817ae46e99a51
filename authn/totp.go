package authn

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// Authenticators are authenticator apps, which make time-based codes.
type Authenticators struct {
	*factors
	issuer string // what an app shows above the username
}

// Time-based codes are those of RFC 6238 with what every authenticator knows:
// SHA-1, 6 digits, 30 seconds, a secret of 20 bytes.
const (
	totpPeriod = 30 // seconds of a step
	totpSecret = 20 // bytes
	totpWindow = 1  // steps accepted before and behind the present one, RFC 6238 §5.2
	totpSearch = 10 // steps searched for the hint that a clock is wrong

	provisioningLife = 30 * time.Minute
)

// totpRecord is an authenticator in the store, sealed, under authn/totp/<user id>.
type totpRecord struct {
	Secret    string    `json:"secret"`           // base32
	LastStep  int64     `json:"last_step"`        // codes of this step and of earlier ones are used up
	Before    []int64   `json:"before,omitempty"` // steps that were used before that one, up to stepsKept
	CreatedAt time.Time `json:"created_at"`
}

// stepsKept is how many steps are known that were used before the last.
const stepsKept = 16

// used is the step up to which codes are used up, at a moment. A step that no code of that moment can have was
// taken by a clock that was ahead and is right by now: it does not lock the owner out, and those from before count.
func (rec totpRecord) used(now time.Time) (last int64) {
	possible := now.Unix()/totpPeriod + totpWindow
	for _, step := range append(slices.Clone(rec.Before), rec.LastStep) {
		if step <= possible {
			last = max(last, step)
		}
	}
	return last
}

// use notes a step that was used.
func (rec *totpRecord) use(step int64) {
	rec.Before = append(rec.Before, rec.LastStep)
	rec.Before = rec.Before[max(0, len(rec.Before)-stepsKept):]
	rec.LastStep = step
}

// VerifyTOTP gives a code of the authenticator as second factor. Beyond
// Session and throttling its problems are totp_format, totp_wrong and keys_only.
func (s *Authenticators) VerifyTOTP(ctx context.Context, x Session, o Origin, code string) (Session, error) {
	code = cleanCode(code)
	if !consistsOf(code, 6, "0123456789") {
		return Session{}, problem.New("code", CodeTOTPFormat)
	}
	next, _, err := s.secondFactor(ctx, x, o, FactorTOTP, func(u userRecord) (factorCheck, error) {
		var rec totpRecord
		err := s.store.View(context.WithoutCancel(ctx), func(r kv.Reader) error { return s.getSealedJSON(r, totpKey(u.ID), &rec) })
		if err != nil {
			return nil, err
		}
		step, ok, err := matchStep(rec.Secret, code, s.now(), totpWindow, rec.used(s.now()))
		if err == nil && !ok {
			err = errWrong
		}
		return func(tx kv.Tx, u *userRecord) (accepted, error) {
			return accepted{row: rowFactorAccepted}, s.burnTOTP(tx, u.ID, rec.Secret, step)
		}, err
	})
	return next, err
}

// burnTOTP uses the code of a step up, with all earlier ones of the account, or returns
// errWrong where that happened meanwhile, or the account has another authenticator.
func (s *Authenticators) burnTOTP(tx kv.Tx, userID, secret string, step int64) error {
	var rec totpRecord
	err := s.getSealedJSON(tx, totpKey(userID), &rec)
	switch {
	case err != nil:
		return err
	case rec.Secret != secret, step <= rec.used(s.now()):
		return errWrong
	}
	rec.use(step)
	return s.putSealedJSON(tx, totpKey(userID), rec)
}

// matchStep finds the step behind last, at most window steps from now, whose
// code this is. It computes and compares all of them, in constant time each.
func matchStep(secret, code string, now time.Time, window, last int64) (step int64, ok bool, err error) {
	present := now.Unix() / totpPeriod
	opts := totp.ValidateOpts{Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}
	for at := present + window; at >= present-window; at-- {
		want, err := totp.GenerateCodeCustom(secret, time.Unix(at*totpPeriod, 0), opts)
		if err != nil {
			return 0, false, fmt.Errorf("authn: a TOTP secret: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && at > last {
			step, ok = at, true
		}
	}
	return step, ok, nil
}

// Provisioning is what a page shows to set an authenticator up.
type Provisioning struct {
	URL     string    // otpauth://totp/…
	Secret  string    // base32, for typing it in
	Groups  []string  // Secret in groups of four characters
	Modules [][]bool  // QR code of URL: rows of modules, true is dark, without the quiet zone of four
	Expires time.Time // then another secret is made
}

// pendingTOTP is an authenticator that no code has confirmed, sealed, under
// authn/totp-pending/<user id>/<session id>: of one Session, because somebody else
// who knows the password must not see the secret that this one is about to confirm.
type pendingTOTP struct {
	Secret  string    `json:"secret"`
	Expires time.Time `json:"expires"`
}

const pendingPrefix = "authn/totp-pending/"

func pendingKey(x Session) string { return pendingPrefix + x.UserID + "/" + x.ID }

// BeginTOTP returns what this Session has to set an authenticator up, and makes
// it the first time; a page may ask again and again. An account that has an
// authenticator gets another in its place with ConfirmTOTP, for which the factor has to
// be fresh. The problems email_unverified and keys_only come first.
func (s *Authenticators) BeginTOTP(ctx context.Context, x Session) (Provisioning, error) {
	u, pending, err := s.pending(ctx, x)
	if err != nil {
		return Provisioning{}, err
	}
	if pending.Secret == "" {
		key, err := totp.Generate(totp.GenerateOpts{Issuer: s.issuer, AccountName: u.Username, SecretSize: totpSecret})
		if err != nil {
			return Provisioning{}, fmt.Errorf("authn: make a TOTP secret: %w", err)
		}
		pending, err = s.keepPending(ctx, x, key.Secret())
		if err != nil {
			return Provisioning{}, err
		}
	}
	return s.provisioning(u, pending)
}

// pending reads what BeginTOTP kept; zero where there is nothing, or it is over.
func (s *Authenticators) pending(ctx context.Context, x Session) (u userRecord, p pendingTOTP, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		var err error
		if u, err = s.mayAddTOTP(r, x); err != nil {
			return err
		}
		p, err = s.loadPending(r, x)
		return err
	})
	return u, p, err
}

// keepPending keeps a secret, unless a request of the same Session was faster.
func (s *Authenticators) keepPending(ctx context.Context, x Session, secret string) (p pendingTOTP, err error) {
	err = s.store.Update(ctx, func(tx kv.Tx) error {
		if _, err := s.mayAddTOTP(tx, x); err != nil {
			return err
		}
		var err error
		if p, err = s.loadPending(tx, x); err != nil || p.Secret != "" {
			return err
		}
		p = pendingTOTP{Secret: secret, Expires: s.now().Add(provisioningLife).UTC()}
		return s.putSealedJSON(tx, pendingKey(x), p)
	})
	return p, err
}

// mayAddTOTP is mayAddFactor for an account that takes more than keys.
func (s *Authenticators) mayAddTOTP(r kv.Reader, x Session) (userRecord, error) {
	u, err := s.mayAddFactor(r, x)
	if err == nil && u.KeysOnly {
		err = problem.New("", CodeKeysOnly)
	}
	return u, err
}

// mayAddFactor is enrolled for an account whose address is verified and that this Session
// may set up.
func (s *factors) mayAddFactor(r kv.Reader, x Session) (userRecord, error) {
	u, err := s.enrolled(r, x)
	switch {
	case err != nil:
	case !u.EmailVerified:
		err = problem.New("", CodeEmailUnverified)
	case !u.mayEnrol(x):
		err = ErrForbidden
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

// ConfirmTOTP makes the pending authenticator the account's, by a code of it,
// which is used up with that. It ends all other sessions of the account; x goes
// on as the Session that is returned. Beyond those of BeginTOTP its problems are
// totp_format, totp_wrong, totp_out_of_sync and totp_expired.
func (s *Authenticators) ConfirmTOTP(ctx context.Context, x Session, o Origin, code string) (Session, error) {
	code = cleanCode(code)
	if !consistsOf(code, 6, "0123456789") {
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
		if u, err = s.mayAddTOTP(tx, x); err != nil {
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
		if err := s.endOthers(tx, &u, o); err != nil {
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
	step, ok, err := matchStep(p.Secret, code, now, totpWindow, 0)
	if err != nil {
		return totpRecord{}, err
	}
	if ok {
		return totpRecord{Secret: p.Secret, LastStep: step, CreatedAt: now.UTC()}, nil
	}
	step, ok, err = matchStep(p.Secret, code, now, totpSearch, 0)
	if err != nil {
		return totpRecord{}, err
	}
	if ok {
		return totpRecord{}, problem.New("code", CodeTOTPOutOfSync, "seconds", (step-now.Unix()/totpPeriod)*totpPeriod)
	}
	return totpRecord{}, problem.New("code", CodeTOTPWrong)
}

// dropMost is how many keys dropAll deletes at most: more than an account has of what it is called for, unless
// somebody made them for that.
const dropMost = 1000

// dropAll deletes the keys of an account with the prefix. What is left where there are more than dropMost does not
// hold by the account's generation, or without the account, and is swept.
func dropAll(tx kv.Tx, prefix string) error {
	found, err := tx.Scan([]byte(prefix), nil, dropMost, false)
	if err != nil {
		return err
	}
	for _, p := range found {
		if err := tx.Delete(p.Key); err != nil {
			return err
		}
	}
	return nil
}

// putSealedJSON seals v, as JSON, for its key.
func (s *core) putSealedJSON(tx kv.Tx, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("authn: encode %q: %w", key, err)
	}
	return s.putSealed(tx, key, b)
}

// getSealedJSON reads what putSealedJSON wrote, or returns kv.ErrNotFound.
func (s *core) getSealedJSON(r kv.Reader, key string, v any) error {
	b, err := s.getSealed(r, key)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("authn: the record %q is damaged: %w", key, err)
	}
	return nil
}
