package rootkeys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Apply advances the store along its issuer's history. head is the position that the
// issuer reported before it was asked for sets; sets are its change sets in order.
//
// A set commits as a whole, its records and the position together: after an error or a
// crash, the store is between two sets. One call is one transaction, unless its sets change
// very many records: then it takes several, to bound its memory. Apply skips sets that were
// applied before, so a call may be repeated.
//
// A new store follows the first issuer that it hears from, and no
// other (ErrOtherIssuer). It refuses an older epoch, or a head behind its own
// position in the same epoch (ErrWentBack). A newer epoch means that the operator
// restored the issuer: the store forgets all records and begins again
// at revision 1. If a set is missing, Apply returns ErrGap.
//
// Call Apply with no sets to learn whether the issuer is one to follow.
func (s *Store) Apply(ctx context.Context, head Position, sets []ChangeSet) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("rootkeys: apply changes: %w", err)
	}
	if st := s.moment.Load(); len(sets) == 0 && s.fault.Load() == nil && st.follows(head) && st.accepts(head) == nil {
		return nil
	}
	if s.readOnly {
		return fmt.Errorf("rootkeys: apply changes: %s is open for reading only", s.path)
	}
	for first := true; first || len(sets) > 0; first = false {
		taken := 0
		err := s.update(ctx, func(w *writer) (err error) {
			taken, err = w.apply(ctx, head, sets)
			return err
		})
		if err != nil {
			return fmt.Errorf("rootkeys: apply changes: %w", s.heardOf(ctx, err))
		}
		sets = sets[taken:]
	}
	return nil
}

// maxChanged is the number of changed records at which a transaction takes no further set.
const maxChanged = 8192

func (s *state) follows(head Position) bool {
	return s.Issuer != "" && s.Issuer == head.Issuer && s.Epoch == head.Epoch
}

// apply changes position and records in one transaction, and returns how many sets it took.
func (w *writer) apply(ctx context.Context, head Position, sets []ChangeSet) (int, error) {
	if err := w.follow(head); err != nil {
		return 0, err
	}
	for i := range sets {
		if w.count() >= maxChanged {
			return i, nil
		}
		set, st := &sets[i], &w.m.state
		switch {
		case st.Parted(Position{Issuer: head.Issuer, Epoch: head.Epoch, Chain: set.Chain}):
			return i, errOtherHistory
		case set.Revision <= st.Revision:
			continue
		case set.Revision != st.Revision+1:
			return i, fmt.Errorf("%w: %d comes after %d", ErrGap, set.Revision, st.Revision)
		case ctx.Err() != nil:
			return i, ctx.Err()
		default:
			if err := w.changes(set.Changes); err != nil {
				return i, fmt.Errorf("change set %d: %w", set.Revision, err)
			}
			w.m.Revision, w.m.Chain = set.Revision, set.Chain
		}
	}
	return len(sets), nil
}

// accepts returns an error for a head that the store must not follow.
func (s *state) accepts(head Position) error {
	switch {
	case head.Issuer == "" || len(head.Issuer) > maxText:
		return errors.New("the issuer does not say who it is")
	case s.Issuer != "" && s.Issuer != head.Issuer:
		return fmt.Errorf("%w: this store follows %s, and %s answers: check the issuer's address, or move the store away to follow the other", ErrOtherIssuer, s.Issuer, head.Issuer)
	case s.Issuer != "" && head.Epoch < s.Epoch,
		s.follows(head) && head.Revision < s.Revision:
		return fmt.Errorf("%w: this store is at epoch %d, revision %d, and the issuer at epoch %d, revision %d, so it was restored from a backup, and revoked tokens may be valid there: the operator decides, by raising the issuer's epoch", ErrWentBack, s.Epoch, s.Revision, head.Epoch, head.Revision)
	case s.follows(head) && s.diverged, s.Parted(head):
		return errOtherHistory
	}
	return nil
}

// follow decides whether to follow head, and begins anew where it has to.
func (w *writer) follow(head Position) error {
	if err := w.m.accepts(head); err != nil || w.m.follows(head) {
		return err
	}
	if w.m.Issuer != "" {
		if err := w.drop(); err != nil {
			return err
		}
	}
	w.m.state = state{Position: Position{Issuer: head.Issuer, Epoch: head.Epoch}, fill: head.Revision}
	return nil
}

// changes takes records in any order, even ones newer than the revision that lists them:
// where the age of two states of one record can't be compared, the one that ends something
// wins, because nothing that ended comes back.
func (w *writer) changes(changes []Change) error {
	w.tokens = slices.Grow(w.tokens, len(changes))
	for i := range changes {
		c := &changes[i]
		var err error
		var what string
		switch {
		case c.Token != nil && c.User == nil && c.Project == nil:
			what, err = "token "+cut(c.Token.ID), w.token(c.Token)
		case c.User != nil && c.Token == nil && c.Project == nil:
			what, err = "user "+cut(c.User.ID), w.user(c.User)
		case c.Project != nil && c.Token == nil && c.User == nil:
			what, err = "project "+cut(c.Project.ID), w.project(c.Project)
		default:
			what, err = "a change", errors.New("it is not of one record that this version knows")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// cut shortens an identifier for an error message: a feed may send one of any length.
func cut(id string) string {
	if len(id) <= uuidLen {
		return id
	}
	return strings.ToValidUTF8(id[:uuidLen], "?") + "…"
}

func (w *writer) token(t *Token) error {
	id, ok := uuidBytes(t.ID)
	if !ok {
		return errID
	}
	if t.RevokedAt.IsZero() {
		b, err := w.get(tokensTable, id)
		if err != nil {
			return err
		}
		if b != nil {
			var old tokenRecord
			if err := old.decode(b); err != nil {
				return w.s.damaged("the record of token "+t.ID, err)
			}
			if old.flags&isRevoked != 0 {
				return nil // a state from before the revocation
			}
		}
	} else if n := len(w.tokens); n > 0 && compareIDs((*recordID)(&id), &w.tokens[n-1].id) <= 0 {
		w.encode()
	}
	user, err := checkToken(t)
	if err != nil {
		return err
	}
	c, err := w.copyFor(t, user)
	if err == nil {
		w.tokens = append(w.tokens, newToken{id, user, t, c})
	}
	return err
}
