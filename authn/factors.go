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
	row    string            // kind of its row
	detail map[string]string // of its row
	keeps  bool              // the factor given before stays the Session's last one
}

// factorCheck looks at a code within a transaction and uses it up, or returns
// errWrong. It may change u, which is saved.
type factorCheck func(tx kv.Tx, u *userRecord) (accepted, error)

// factorPrepare does what takes time about a code, or about a signature, outside of any transaction, for the
// account as it was read, and returns the check of what it found; or errWrong.
type factorPrepare func(u userRecord) (factorCheck, error)

// mayGive returns why an account can't give this kind of second factor, nil where
// it can.
func (u userRecord) mayGive(f Factor) error {
	switch {
	case f == FactorTOTP && u.HasTOTP && u.KeysOnly:
		return problem.New("", CodeKeysOnly)
	case f == FactorTOTP && !u.HasTOTP, f == FactorWebAuthn && u.Keys == 0, !u.hasFactor():
		return ErrForbidden
	}
	return nil
}

// giving is member for an account that can give this kind of second factor.
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
	device   deviceRecord      // the browser of it, where the account knows it
	check    factorCheck       // of what was prepared
	wrong    error             // errWrong where the preparation found it wrong
	giveBack func(kv.Tx) error // takes the count of it back
}

// secondFactor is what every second factor has in common. The attempt is
// counted first, in a transaction of its own; then prepare computes, outside of any; then one transaction decides
// (settleAttempt).
//
// Where a code could have been phished the Session gets to StageDevice only (askDevice).
//
// It serves the Session behind a password as well as one that is SignedIn and
// gives a factor again.
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

// settleAttempt checks that the Session of an attempt still holds, uses the code up, takes the count back and writes the
// row. Where the code is wrong it returns a refusal, writes the row of that, and keeps what the check has written.
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

// factorCounters are those that a second factor counts with. Codes can be guessed, so who has the password has so many
// guesses until there is another password; signatures can't, and only the work for them is bounded. A browser that the
// account knows has counters of its own, and so have those who are signed in: nobody with the password alone keeps the owner out.
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

// knownBrowserMistakes is how many wrong codes in a browser that the account knows are taken for its owner's.
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

// asRefusal is the refusal behind errWrong; a code that was wrong has none of
// its own.
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

// recordRefusal writes the row of a refusal. The owner of a key that there may be two
// of hears of it.
func (s *factors) recordRefusal(tx kv.Tx, u userRecord, r *refusal, row audit.Event) error {
	if r.cloned != "" {
		row.Kind, row.Detail = rowKeyCloned, map[string]string{"key": r.cloned}
	}
	if err := s.notifyOfRow(tx, u, row); err != nil {
		return err
	}
	return s.recordForAnyone(tx, u.ID, row)
}

// cleanCode takes out of a typed code what people put in to read it better: white
// space and hyphens. What is left is compared, so that a code with a space is the
// same code and works no second time.
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

// changeFactors runs one change of an account's factors by its owner, with its
// row. A change without a row changed nothing.
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

// mayAddFactor is enrolled for an account whose address is verified and that this Session
// may set up.
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

// mayEnrol reports whether a Session may set up the first factors of the account: one
// that was recovered has to have used the link (Recoveries.UseLink).
func (u userRecord) mayEnrol(x Session) bool { return !u.Recovered || u.RecoveryBy == x.ID }

// refusal is what is wrong with a second factor: a transaction that finds it
// commits, with a row, and what it used up stays used up. It is errWrong.
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
