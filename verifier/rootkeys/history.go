package rootkeys

import (
	"context"
	"errors"
	"fmt"
)

// errOtherHistory is ErrOtherHistory with what to do about it.
var errOtherHistory = fmt.Errorf("%w: it was restored from a backup, and tokens that were revoked may be valid in one of the two: on the issuer, 'rind restored' lets every verifier take a new snapshot; 'rind verifier reset' does it for this store alone", ErrOtherHistory)

// heardOf marks the store as diverged if the error says that the issuer has another history.
func (s *Store) heardOf(ctx context.Context, err error) error {
	if errors.Is(err, ErrOtherHistory) {
		return errors.Join(err, s.MarkDiverged(context.WithoutCancel(ctx)))
	}
	return err
}

// MarkDiverged notes that the issuer's history turned out to differ from the store's.
// From then on Lookup, Apply and BeginFill return ErrOtherHistory until the issuer has a
// newer epoch or Reset is called, even after the store is opened again and after the
// issuer's revisions have grown past the store's. In this process that holds from
// the call on, even if an error says that it could not be written.
func (s *Store) MarkDiverged(ctx context.Context) error {
	if s.diverged.Load() || s.moment.Load().Issuer == "" { // a store without a history has none that could differ
		return nil
	}
	s.diverged.Store(true)
	if s.readOnly {
		return nil
	}
	err := s.update(ctx, func(w *writer) error {
		w.m.diverged = w.m.Issuer != ""
		return nil
	})
	if err != nil {
		return fmt.Errorf("rootkeys: %s: note that the issuer has another history: %w", s.path, err)
	}
	return nil
}

// Reset makes the store forget its issuer, its position and all records, as if it were
// new, in one transaction: it answers nothing until it is filled again, and follows
// the first issuer that it hears from. The operator decides that this is right.
func (s *Store) Reset(ctx context.Context) error {
	if s.readOnly {
		return fmt.Errorf("rootkeys: reset: %s is open for reading only", s.path)
	}
	err := s.update(ctx, func(w *writer) error {
		if err := errors.Join(s.dropFilling(w.tx), w.drop()); err != nil {
			return err
		}
		w.m.state, w.m.heard = state{}, 0
		return nil
	})
	if err != nil {
		return fmt.Errorf("rootkeys: reset %s: %w", s.path, err)
	}
	s.fill.Store(nil)
	s.heard.Store(0)
	return nil
}
