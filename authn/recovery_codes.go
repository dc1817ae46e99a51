package authn

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// RecoveryCodes are the codes that stand in for a second factor, each once.
type RecoveryCodes struct {
	*factors
	recoveryKey []byte // key of the hashes of codes
}

// recoveryCodeCount is how many recovery codes an account gets at once.
const recoveryCodeCount = 8

const (
	recoveryBytes = 8 // length of a code: 16 hex digits
	hexDigits     = "0123456789abcdef"
)

// recoveryRecord holds the codes that were not used, under
// authn/recovery/<user id>.
//
// They are kept as HMAC-SHA-256 under a key derived from the sealing key, not as
// argon2 hashes: a code is 64 random bits and no dictionary has it, so there is
// nothing for a slow hash to slow down. Without the key not even trying all 2^64 helps; with it,
// they would have to be tried. And eight fast hashes can all be computed and
// compared for each attempt, which takes the same time whether one matches or none.
type recoveryRecord struct {
	Hashes [][]byte `json:"hashes"`
}

// recoveryHash returns the stored form of a code.
func (s *RecoveryCodes) recoveryHash(userID, code string) []byte {
	return mac(s.recoveryKey, []byte(userID), []byte(code))
}

// find returns the index of a hash, or -1; it compares with all.
func (rec recoveryRecord) find(hash []byte) int {
	at := -1
	for i, h := range rec.Hashes {
		if subtle.ConstantTimeCompare(h, hash) == 1 {
			at = i
		}
	}
	return at
}

// Create gives the account new recovery codes and voids its earlier ones. They are 16 hex digits each,
// and only this answer has them. They work at once, but the Session goes back to Enrolling until one
// is typed back (RecoveryCodes.Confirm). If the account had saved codes before, all its other sessions
// end. It needs a fresh factor.
func (s *RecoveryCodes) Create(ctx context.Context, x Session, o Origin) (codes []string, next Session, err error) {
	if err := s.mayMakeCodes(ctx, x); err != nil {
		return nil, Session{}, err
	}
	raw := make([]byte, recoveryCodeCount*recoveryBytes)
	rand.Read(raw)
	var rec recoveryRecord
	for part := range slices.Chunk(raw, recoveryBytes) {
		code := hex.EncodeToString(part)
		codes = append(codes, code)
		rec.Hashes = append(rec.Hashes, s.recoveryHash(x.UserID, code))
	}
	var u userRecord
	err = s.store.Update(ctx, func(tx kv.Tx) error {
		var err error
		u, err = s.enrollingAccount(tx, x)
		if err != nil {
			return err
		}
		if !u.hasFactor() {
			return ErrForbidden
		}
		if u.RecoveryConfirmed {
			err := s.endOthers(tx, &u, o)
			if err != nil {
				return err
			}
		}
		u.RecoveryLeft, u.RecoveryConfirmed = recoveryCodeCount, false
		if err := kv.PutJSON(tx, recoveryKeyOf(u.ID), rec); err != nil {
			return err
		}
		return s.saveUser(tx, u, audit.Event{Kind: rowRecoveryMade, Actor: o.actor(u, x.Factor)})
	})
	if err != nil {
		return nil, Session{}, err
	}
	x.Stage, x.Generation = StageEnrolling, u.Generation
	return codes, x, nil
}

// mayMakeCodes counts each creation of recovery codes by a Session that may make them, because each
// one mails the owner.
func (s *RecoveryCodes) mayMakeCodes(ctx context.Context, x Session) error {
	var u userRecord
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		u, err = s.enrollingAccount(r, x)
		if err == nil && !u.hasFactor() {
			err = ErrForbidden
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = s.countAttempt(ctx, s.counter(limitRecoveryCodes, u.ID))
	return err
}

// Confirm accepts a code that was typed back, which shows that the codes were saved, and does not use
// it up. The Session that it returns is SignedIn.
//
// Wrong codes count as attempts at a second factor; the problems are recovery_format, recovery_wrong
// and recovery_missing.
func (s *RecoveryCodes) Confirm(ctx context.Context, x Session, o Origin, code string) (Session, error) {
	if x.Factor == FactorNone {
		return Session{}, ErrForbidden
	}
	if err := s.hasRecoveryCodes(ctx, x); err != nil {
		return Session{}, err
	}
	next, _, err := s.withRecoveryCode(ctx, x, o, code, func(_ kv.Tx, u *userRecord, _ recoveryRecord, _ int) (accepted, error) {
		u.RecoveryConfirmed = true
		return accepted{row: rowRecoveryConfirmed, keeps: true}, nil
	})
	return next, err
}

// hasRecoveryCodes returns the problem recovery_missing if no codes were made, or all are used.
func (s *RecoveryCodes) hasRecoveryCodes(ctx context.Context, x Session) error {
	return s.store.View(ctx, func(r kv.Reader) error {
		u, err := s.sessionAccount(r, x)
		if err == nil && u.RecoveryLeft == 0 {
			err = problem.New("", CodeRecoveryMissing)
		}
		return err
	})
}

// Use accepts a recovery code as second factor and uses it up. It also shows that the codes were
// saved. Besides those of Session and throttling, its problems are recovery_format and recovery_wrong.
func (s *RecoveryCodes) Use(ctx context.Context, x Session, o Origin, code string) (Session, error) {
	next, _, err := s.withRecoveryCode(ctx, x, o, code, func(tx kv.Tx, u *userRecord, rec recoveryRecord, at int) (accepted, error) {
		rec.Hashes = slices.Delete(rec.Hashes, at, at+1)
		u.RecoveryLeft, u.RecoveryConfirmed = len(rec.Hashes), true
		used := accepted{row: rowRecoveryUsed, detail: map[string]string{"left": strconv.Itoa(u.RecoveryLeft)}}
		return used, kv.PutJSON(tx, recoveryKeyOf(u.ID), rec)
	})
	if err != nil {
		return Session{}, err
	}
	return next, nil
}

// withRecoveryCode finds a typed code among the account's codes and applies then to it.
func (s *RecoveryCodes) withRecoveryCode(ctx context.Context, x Session, o Origin, code string, then func(kv.Tx, *userRecord, recoveryRecord, int) (accepted, error)) (Session, userRecord, error) {
	code = cleanCode(code)
	if !consistsOf(code, 2*recoveryBytes, hexDigits) {
		return Session{}, userRecord{}, problem.New("code", CodeRecoveryFormat)
	}
	hash := s.recoveryHash(x.UserID, code)
	check := func(tx kv.Tx, u *userRecord) (accepted, error) {
		var rec recoveryRecord
		err := kv.GetJSON(tx, recoveryKeyOf(u.ID), &rec)
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return accepted{}, err
		}
		at := rec.find(hash)
		if at < 0 {
			return accepted{}, errWrong
		}
		return then(tx, u, rec, at)
	}
	return s.secondFactor(ctx, x, o, FactorRecoveryCode, func(userRecord) (factorCheck, error) { return check, nil })
}
