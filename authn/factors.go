package authn

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"unicode"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
)

// factors are what all second factors have in common.
type factors struct {
	*core
	devices    *Devices
	recoveries *Recoveries
}

// accepted is the result of the check of a second factor.
type accepted struct {
	row    string            // kind of its audit row
	detail map[string]string // details of that row
	keeps  bool              // the earlier factor stays the Session's last one
}

// factorCheck checks a code within a transaction and uses it up, or returns errWrong. It may change u,
// which is saved.
type factorCheck func(tx kv.Tx, u *userRecord) (accepted, error)

// factorPrepare does the slow work on a code or a signature, outside of any transaction, for the
// account as it was read. It returns the check of its result, or errWrong.
type factorPrepare func(u userRecord) (factorCheck, error)

// mayGive returns why an account can't use this kind of second factor, or nil if it can.
func (u userRecord) mayGive(f Factor) error {
	switch {
	case f == FactorTOTP && u.HasTOTP && u.KeysOnly:
		return problem.New("", CodeKeysOnly)
	case f == FactorTOTP && !u.HasTOTP, f == FactorWebAuthn && u.Keys == 0, !u.hasFactor():
		return ErrForbidden
	}
	return nil
}

// giving returns the account of a Session if it can use this kind of second factor.
func (s *factors) giving(r kv.Reader, x Session, f Factor) (userRecord, error) {
	u, err := s.sessionAccount(r, x)
	if err == nil {
		err = u.mayGive(f)
	}
	return u, err
}

// attempt is one try to give a second factor.
type attempt struct {
	session  Session
	origin   Origin
	factor   Factor
	device   deviceRecord      // the browser of the attempt, if the account knows it
	check    factorCheck       // checks what was prepared
	wrong    error             // errWrong if the preparation found it wrong
	giveBack func(kv.Tx) error // undoes the count of the attempt
}

// secondFactor is the common path of all second factors. It counts the attempt first, in a transaction
// of its own; then prepare computes, outside of any transaction; then one transaction decides
// (settleAttempt).
//
// If the code could have been phished, the Session gets to StageDevice only (askDevice).
//
// It serves a Session at the password stage as well as one that is SignedIn and gives a factor again.
func (s *factors) secondFactor(ctx context.Context, x Session, o Origin, f Factor, prepare factorPrepare) (next Session, u userRecord, err error) {
	a := attempt{session: x, origin: o, factor: f}
	err = s.store.View(ctx, func(r kv.Reader) (err error) {
		u, err = s.giving(r, x, f)
		if err != nil {
			return err
		}
		a.device, err = s.loadDevice(r, u, o)
		return err
	})
	if err != nil {
		return Session{}, u, err
	}
	a.giveBack, err = s.countAttempt(ctx, s.factorCounters(x, o, u, a.device, f)...)
	if err != nil {
		return Session{}, u, err
	}
	a.check, a.wrong = prepare(u)
	if a.wrong != nil && !errors.Is(a.wrong, errWrong) {
		return Session{}, u, a.wrong
	}
	var refused *refusal
	err = s.exempt.Update(ctx, func(tx kv.Tx) (err error) {
		next, u, refused, err = s.settleAttempt(tx, a)
		return err
	})
	switch {
	case errors.Is(err, ErrMail): // it was right
		err = errors.Join(err, s.exempt.Update(ctx, a.giveBack))
	case err == nil && refused != nil:
		err = refused.problems
	}
	if err != nil {
		return Session{}, u, err
	}
	return next, u, nil
}

// settleAttempt checks that the Session of an attempt is still valid, uses up the code, undoes the
// count and writes the row. If the code is wrong it returns a refusal, writes the row of the refusal,
// and keeps what the check has written.
func (s *factors) settleAttempt(tx kv.Tx, a attempt) (next Session, u userRecord, refused *refusal, err error) {
	x, o, f := a.session, a.origin, a.factor
	u, err = s.giving(tx, x, f)
	if err != nil {
		return next, u, nil, err
	}
	var done accepted
	err = a.wrong
	if err == nil {
		done, err = a.check(tx, &u)
	}
	if errors.Is(err, errWrong) {
		refused = asRefusal(err, f)
		if err := s.notifyFailed(tx, x, o, u, a.device, refused); err != nil {
			return next, u, nil, err
		}
		return next, u, refused, s.recordRefusal(tx, u, refused, audit.Event{
			Kind: rowFactorFailed, Actor: o.actor(u, x.Factor), Detail: map[string]string{"factor": string(f)},
		})
	}
	if err != nil {
		return next, u, nil, err
	}
	next = s.withFactor(x, u, f)
	if done.keeps {
		next.Factor, next.FactorAt = x.Factor, x.FactorAt
	}
	err = s.devices.askDevice(tx, x, &next, u, o, f)
	if err != nil {
		return next, u, nil, err
	}
	if err := a.giveBack(tx); err != nil {
		return next, u, nil, err
	}
	err = s.recoveries.noteFactorGiven(tx, &u, next, o)
	if err != nil {
		return next, u, nil, err
	}
	return next, u, nil, s.saveUser(tx, u, audit.Event{Kind: done.row, Actor: o.actor(u, next.Factor), Detail: done.detail})
}

// factorCounters returns the counters of a second factor. Codes can be guessed, so somebody with the
// password has a fixed number of guesses until the password changes; signatures can't, so only the
// work for them is bounded. A browser that the account knows has counters of its own, and so has
// somebody who is signed in: nobody with the password alone can keep the owner out.
func (s *factors) factorCounters(x Session, o Origin, u userRecord, d deviceRecord, f Factor) []counter {
	password := strconv.FormatUint(u.Passwords, 10)
	switch {
	case f == FactorWebAuthn && d.ID != "":
		return []counter{s.counter(limitKeyDevice, u.ID, d.ID)}
	case f == FactorWebAuthn:
		return []counter{s.counter(limitKey, u.ID, network(o.IP))}
	case d.ID != "":
		return []counter{s.counter(limitFactorDevice, u.ID, d.ID), s.counter(limitFactorDevices, u.ID, password)}
	case !x.partial():
		return []counter{s.counter(limitFactorSession, u.ID, password)}
	}
	return []counter{s.counter(limitFactor, u.ID, password), s.counter(limitFactorAccount, u.ID)}
}

// knownBrowserMistakes is how many wrong codes in a known browser count as the owner's own mistakes.
const knownBrowserMistakes = 3

// notifyFailed notifies the owner of u that somebody entered the right password and failed at the second factor: a few times,
// for there may be many failures, and in a known browser from the third mistake (knownBrowserMistakes). A ceremony that took too long is no failure.
func (s *factors) notifyFailed(tx kv.Tx, x Session, o Origin, u userRecord, d deviceRecord, r *refusal) error {
	if !x.partial() || r.why == "challenge" || r.cloned != "" {
		return nil
	}
	if d.ID != "" {
		var recent attempts
		c := s.counter(limitFactorDevice, u.ID, d.ID)
		err := loadAttempts(tx, c, &recent)
		if err != nil {
			return err
		}
		recent.prune(c.limit, s.now().UnixMilli())
		if len(recent.At) < knownBrowserMistakes {
			return nil
		}
	}
	ok, err := s.countInTx(tx, s.counter(limitFactorMail, u.ID, strconv.FormatUint(u.Passwords, 10)))
	if err != nil || !ok {
		return err
	}
	return s.notify(tx, u, o.actor(u, x.Factor), notices.FactorFailed, notices.Details{})
}

// asRefusal returns the refusal behind errWrong; a wrong code has none of its own.
func asRefusal(err error, f Factor) *refusal {
	var r *refusal
	switch {
	case errors.As(err, &r):
		return r
	case f == FactorTOTP:
		return refuse("code", problem.New("code", CodeTOTPWrong))
	}
	return refuse("code", problem.New("code", CodeRecoveryWrong))
}

// recordRefusal writes the row of a refusal. The owner gets a notice if there may be a copy of their
// key.
func (s *factors) recordRefusal(tx kv.Tx, u userRecord, r *refusal, row audit.Event) error {
	if r.cloned != "" {
		row.Kind, row.Detail = rowKeyCloned, map[string]string{"key": r.cloned}
	}
	if err := s.notifyOfRow(tx, u, row); err != nil {
		return err
	}
	return s.recordForAnyone(tx, u.ID, row)
}

// cleanCode removes white space and hyphens, which people type to read a code better. The rest is
// compared, so a code with a space is the same code and works no second time.
func cleanCode(typed string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '-' {
			return -1
		}
		return unicode.ToLower(r)
	}, typed[:min(len(typed), 256)])
}

// consistsOf reports whether code has exactly n characters, all of the set.
func consistsOf(code string, n int, set string) bool {
	return len(code) == n && strings.Trim(code, set) == ""
}

// changeFactors runs one change of an account's factors by its owner, with its row. Without a row,
// nothing was changed.
func (s *factors) changeFactors(ctx context.Context, x Session, o Origin, change func(kv.Tx, *userRecord) (row string, detail map[string]string, err error)) (Session, error) {
	var u userRecord
	err := s.store.Update(ctx, func(tx kv.Tx) (err error) {
		u, err = s.signedInAccount(tx, x)
		if err != nil {
			return err
		}
		if !x.FactorFresh(s.now()) {
			return ErrFactorStale
		}
		row, detail, err := change(tx, &u)
		if err != nil || row == "" {
			return err
		}
		err = s.endOthers(tx, &u, o)
		if err != nil {
			return err
		}
		return s.saveUser(tx, u, audit.Event{Kind: row, Actor: o.actor(u, x.Factor), Detail: detail})
	})
	if err != nil {
		return Session{}, err
	}
	x.Generation = u.Generation
	return x, nil
}

// mayAddFactor returns the account of a Session that may set it up and whose address is verified.
func (s *factors) mayAddFactor(r kv.Reader, x Session) (userRecord, error) {
	u, err := s.enrollingAccount(r, x)
	switch {
	case err != nil:
	case !u.EmailVerified:
		err = problem.New("", CodeEmailUnverified)
	case !u.mayEnrol(x):
		err = ErrForbidden
	}
	return u, err
}

// mayEnrol reports whether a Session may set up the first factors of the account. After a recovery the
// Session must have used the link (Recoveries.UseLink).
func (u userRecord) mayEnrol(x Session) bool { return !u.Recovered || u.RecoveryBy == x.ID }

// refusal says what is wrong with a second factor: a transaction that finds it commits, with a row,
// and what it used up stays used up. It is errWrong.
type refusal struct {
	problems problem.Problems
	why      string // for the row
	cloned   string // name of the key whose counter went back; "" for any other reason
}

func refuse(why string, ps problem.Problems) *refusal { return &refusal{problems: ps, why: why} }

func (r *refusal) Error() string { return "authn: refused: " + r.why }

// Is makes errors.Is(err, errWrong) hold.
func (r *refusal) Is(target error) bool { return target == errWrong }

// errWrong ends a transaction in which a secret turned out to be wrong.
var errWrong = errors.New("authn: wrong")
