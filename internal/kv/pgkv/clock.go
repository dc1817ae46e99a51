package pgkv

import (
	"context"
	"fmt"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// ClockAhead returns how far the clock of this machine is ahead of the server's; below zero it is behind. The result is wrong by
// half of a round trip at most.
func (s *Store) ClockAhead(ctx context.Context) (ahead time.Duration, err error) {
	err = s.View(ctx, func(r kv.Reader) error {
		m := r.(*viewReader).m
		err := m.begin() // whose round trip is no part of the measurement
		if err != nil {
			return err
		}
		asked := s.now()
		answers, err := m.ask(call{name: getClock})
		if err != nil {
			return err
		}
		answered := s.now()
		if len(answers[0].rows) != 1 {
			return fmt.Errorf("pgkv: the server does not say what time it is: %w", kv.ErrUnavailable)
		}
		theirs := time.UnixMicro(int64(readInt8(answers[0].rows[0][0])))
		ahead = asked.Add(answered.Sub(asked) / 2).Sub(theirs)
		return nil
	})
	return ahead, err
}
