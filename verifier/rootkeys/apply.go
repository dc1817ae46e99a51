package rootkeys

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/verifier"
)

// Apply brings the store further along its issuer's history. head is where the
// issuer said it was before sets were asked of it; sets are its change sets in
// their order.
//
// All of one call commits in one transaction, records and position: after an
// error, or a crash, the store is where it was before. Sets that were applied
// before are skipped, so a call may be repeated.
//
// A store that is new follows the issuer that it is first told of, and no
// other (ErrOtherIssuer). It refuses an older epoch, or a head behind its own
// position in the same epoch (ErrWentBack). A newer epoch is the operator's word
// that the issuer was restored: the store forgets all records and begins again
// at revision 1. Where a set is missing it returns ErrGap.
//
// Call Apply with no sets to learn whether the issuer is one to follow.
func (s *Store) Apply(ctx context.Context, head Position, sets []ChangeSet) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("rootkeys: apply changes: %w", err)
	}
	if st := s.state.Load(); len(sets) == 0 && st.follows(head) && st.accepts(head) == nil {
		return nil
	}
	if s.readOnly {
		return fmt.Errorf("rootkeys: apply changes: %s is open for reading only", s.path)
	}
	var next *state
	err := s.update(ctx, func(tx *bbolt.Tx) error {
		st, err := s.readState(tx)
		if err != nil {
			return err
		}
		next = st
		return s.apply(ctx, tx, st, head, sets)
	})
	if err != nil {
		return fmt.Errorf("rootkeys: apply changes: %w", s.heardOf(ctx, err))
	}
	s.state.Store(next)
	return nil
}

func (s *state) follows(head Position) bool {
	return s.Issuer != "" && s.Issuer == head.Issuer && s.Epoch == head.Epoch
}

// apply changes st and the records in one transaction.
func (s *Store) apply(ctx context.Context, tx *bbolt.Tx, st *state, head Position, sets []ChangeSet) error {
	if err := s.follow(tx, st, head); err != nil {
		return err
	}
	w, err := s.writer(tx, recordsBucket)
	if err != nil {
		return err
	}
	for i := range sets {
		switch set := &sets[i]; {
		case set.Revision == st.Revision && set.Chain != st.Chain:
			return errOtherHistory
		case set.Revision <= st.Revision:
			continue
		case set.Revision != st.Revision+1:
			return fmt.Errorf("%w: %d comes after %d", ErrGap, set.Revision, st.Revision)
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			if err := w.changes(set.Changes); err != nil {
				return fmt.Errorf("change set %d: %w", set.Revision, err)
			}
			st.Revision, st.Chain = set.Revision, set.Chain
		}
	}
	filling := uint64(0)
	if st.filling() {
		filling = 1
	}
	if w.records.Sequence() != filling {
		if err := w.records.SetSequence(filling); err != nil {
			return err
		}
	}
	return s.putMeta(tx, positionKey, st.encode())
}

// accepts refuses a head that is not one to follow.
func (s *state) accepts(head Position) error {
	switch {
	case head.Issuer == "" || len(head.Issuer) > maxText:
		return errors.New("the issuer does not say who it is")
	case s.Issuer != "" && s.Issuer != head.Issuer:
		return fmt.Errorf("%w: this store follows %s, and %s answers: check the issuer's address, or move the store away to follow the other", ErrOtherIssuer, s.Issuer, head.Issuer)
	case s.Issuer != "" && head.Epoch < s.Epoch,
		s.follows(head) && head.Revision < s.Revision:
		return fmt.Errorf("%w: this store is at epoch %d, revision %d, and the issuer at epoch %d, revision %d, so it was restored from a backup, and revoked tokens may be valid there: the operator decides, by raising the issuer's epoch", ErrWentBack, s.Epoch, s.Revision, head.Epoch, head.Revision)
	case s.follows(head) && (s.diverged || head.Revision == s.Revision && head.Chain != s.Chain):
		return errOtherHistory
	}
	return nil
}

// follow decides whether head is one to follow, and begins anew where it has to.
func (s *Store) follow(tx *bbolt.Tx, st *state, head Position) error {
	if err := st.accepts(head); err != nil || st.follows(head) {
		return err
	}
	s.forget()
	if st.Issuer != "" {
		if err := s.drop(tx, recordsBucket); err != nil {
			return err
		}
		if _, err := tx.CreateBucket(recordsBucket); err != nil {
			return s.whole(err)
		}
	}
	*st = state{Position: Position{Issuer: head.Issuer, Epoch: head.Epoch}, fill: head.Revision}
	return nil
}

// writer writes records in one transaction. Records may come in any order, and
// newer than the revision that they stand in: where two states of one record
// can't be told apart by age, the one wins that ends something, because
// nothing that ended comes back.
type writer struct {
	s       *Store
	records *bbolt.Bucket
	was     bucket // what records was before
	is      bool   // there was such a bucket
}

// fill is how full bbolt leaves a page that it splits. Tokens come in the order of
// their ids, so pages stay as they are left then: the fewer there are, the fewer a
// lookup meets that are in none of the processor's caches.
const fill = 0.95

// writer is for records in the bucket with the last of the names, inside the others.
func (s *Store) writer(tx *bbolt.Tx, names ...[]byte) (*writer, error) {
	w := &writer{s: s, records: tx.Bucket(names[0])}
	for _, name := range names[1:] {
		w.records = w.records.Bucket(name)
	}
	w.records.FillPercent = fill
	var err error
	if w.was, w.is, err = openBucket(tx, names...); err != nil {
		return nil, s.damaged("its records", err)
	}
	w.was.seen = map[uintptr]bool{}
	return w, nil
}

// safe looks at the pages on the way to a key before bbolt goes it: led astray, it would
// write a record beside the one that is there.
func (w *writer) safe(key []byte) error {
	if !w.is {
		return nil
	}
	if _, _, err := w.was.path(key); err != nil {
		return w.s.damaged(keyText(key), err)
	}
	return nil
}

// seek is the cursor that begins at a key, and is safe for one step from there.
func (w *writer) seek(key []byte) (c *bbolt.Cursor, k, v []byte, err error) {
	if err := w.around(key); err != nil {
		return nil, nil, nil, err
	}
	c = w.records.Cursor()
	k, v = c.Seek(key)
	return c, k, v, nil
}

// around is safe for a cursor that stands at the key and goes a step.
func (w *writer) around(key []byte) error {
	if !w.is {
		return nil
	}
	if err := w.was.around(key); err != nil {
		return w.s.damaged(keyText(key), err)
	}
	return nil
}

// get opens the record under key; it is nil where there is none.
func (w *writer) get(key []byte) ([]byte, error) {
	if err := w.safe(key); err != nil {
		return nil, err
	}
	if v := w.records.Get(key); v != nil {
		return w.s.open(key, v)
	}
	return nil, w.checkGap(key)
}

// checkGap is Store.checkGap, of what is written by now.
func (w *writer) checkGap(key []byte) error {
	c, k, v, err := w.seek(key)
	if err != nil {
		return err
	}
	if k != nil {
		if _, err := w.s.open(k, v); err != nil {
			return err
		}
		k, v = c.Prev()
	} else {
		k, v = c.Last()
	}
	if k == nil {
		return nil
	}
	_, err = w.s.open(k, v)
	return err
}

func (w *writer) put(key, value []byte) error {
	if err := w.safe(key); err != nil {
		return err
	}
	return w.records.Put(key, w.s.sealer.Seal(nil, value, recordsName+string(key)))
}

func (w *writer) delete(key []byte) error {
	if err := w.safe(key); err != nil {
		return err
	}
	return w.records.Delete(key)
}

// named reads the record of a user or a project; it is nil where there is none.
func (w *writer) named(key []byte) (*named, error) {
	b, err := w.get(key)
	if err != nil || b == nil {
		return nil, err
	}
	n, err := decodeNamed(b)
	if err != nil {
		return nil, w.s.damaged(keyText(key), err)
	}
	return &n, nil
}

func (w *writer) changes(changes []Change) error {
	for _, c := range changes {
		var err error
		var what string
		switch {
		case c.Token != nil && c.User == nil && c.Project == nil:
			what, err = "token "+c.Token.ID, w.token(c.Token)
		case c.User != nil && c.Token == nil && c.Project == nil:
			w.s.forget()
			what, err = "user "+c.User.ID, w.user(c.User)
		case c.Project != nil && c.Token == nil && c.User == nil:
			w.s.forget()
			what, err = "project "+c.Project.ID, w.project(c.Project)
		default:
			what, err = "a change", errors.New("it is not of one record that this version knows")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

var errID = errors.New("its id is no UUID")

func (w *writer) token(t *Token) error {
	id, ok := uuidBytes(t.ID)
	if !ok {
		return errID
	}
	key, isNew := recordKey(kindToken, id), false
	if t.RevokedAt.IsZero() {
		b, err := w.get(key)
		if err != nil {
			return err
		}
		if b != nil {
			var old verifier.Record
			if _, err := decodeToken(&old, b, ""); err != nil {
				return w.s.damaged(keyText(key), err)
			}
			if !old.RevokedAt.IsZero() {
				return nil // a state from before the revocation
			}
		}
		isNew = b == nil
	}
	b, err := encodeToken(t)
	if err != nil {
		return err
	}
	if !isNew {
		w.s.answers.forget()
	}
	return w.put(key, b)
}

func (w *writer) user(u *User) error {
	id, ok := uuidBytes(u.ID)
	if !ok {
		return errID
	}
	if u.Name == "" || len(u.Name) > maxText {
		return fmt.Errorf("its name has not 1 to %d bytes", maxText)
	}
	n := named{name: u.Name}
	if u.Frozen {
		n.flags |= isFrozen
	}
	return w.put(recordKey(kindUser, id), n.encode())
}

func (w *writer) project(p *Project) error {
	id, ok := uuidBytes(p.ID)
	if !ok {
		return errID
	}
	if p.Name == "" || len(p.Name) > maxText || p.Name != caveats.NormalizeProject(p.Name) {
		return fmt.Errorf("its name has not 1 to %d bytes, or is not normalized", maxText)
	}
	key := recordKey(kindProject, id)
	old, err := w.named(key)
	if err != nil {
		return err
	}
	if old != nil && old.flags&isDeleted != 0 {
		return nil // the id is never used again
	}
	roles, err := memberRoles(p.Members)
	if err != nil {
		return err
	}
	if old != nil && (p.Deleted || old.name != p.Name) {
		if err := w.claim(old.name, id, nil); err != nil {
			return err
		}
	}
	n := named{name: p.Name}
	if p.Deleted {
		n.flags, roles = isDeleted, nil
	} else if err := w.claim(p.Name, id, encodeClaim(id, roles)); err != nil {
		return err
	}
	if len(roles) <= maxListed {
		roles = nil
	}
	if err := w.apart(id, roles); err != nil {
		return err
	}
	return w.put(key, n.encode())
}
