package pgkv

import (
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rind-dev/rind/internal/kv"
)

var errLost = errors.New("the answer to a commit was lost")

// commit commits what the group has written.
func (s *Store) commit(g *group) (outcome, error) {
	if err := g.m.begin(); err != nil { // if nobody has read, the version is not known yet
		s.drop()
		return failed, err
	}
	s.attempts++
	changes := call{name: putChanges, params: s.changes(g)}
	calls := []call{{name: doRollback, sync: true}, changes}
	if g.m.locked {
		calls = []call{changes, {name: doCommit}}
	}
	s.conn.warned = ""
	answers, err := s.conn.run(calls...)
	if !g.m.locked {
		answers = answers[1:]
	}
	switch {
	case err == nil && firstError(answers) == nil && s.conn.warned == "" && (!g.m.locked || answers[1].tag == "COMMIT"):
		if len(answers[0].rows) == 0 {
			return conflict, nil
		}
		s.advance(readInt8(answers[0].rows[0][0]))
		s.wake()
		return committed, nil
	case err == nil && refusedWhole(answers) && s.conn.warned == "":
		s.drop()
		return failed, firstError(answers)
	}
	cause := errors.Join(err, firstError(answers))
	if cause == nil {
		cause = fmt.Errorf("%w: the server says %q", errLost, s.conn.warned)
	}
	s.drop()
	return s.resolve(cause)
}

// refusedWhole tells whether the server has said that nothing was committed: an error
// that ends neither the connection nor the server comes before a commit, never after it.
func refusedWhole(answers []answer) bool {
	var refused *pgconn.PgError
	last := answers[len(answers)-1]
	return last.done && errors.As(firstError(answers), &refused) && refused.SeverityUnlocalized == "ERROR" && refused.Code != "57014"
}

// changes are the parameters of a commit.
func (s *Store) changes(g *group) [][]byte {
	var gone, keys, values [][]byte
	for k, v := range g.writes.to {
		if v == nil {
			gone = append(gone, []byte(k))
		} else {
			keys, values = append(keys, []byte(k)), append(values, v)
		}
	}
	return [][]byte{
		int8of(g.m.version), int8of(g.m.stamp.Generation), int8of(g.m.stamp.Layout), s.process, int8of(uint64(s.attempts)),
		byteArray(gone), byteArray(keys), byteArray(values),
	}
}

// resolve finds out what became of a commit whose answer was lost. The fence makes sure that the commit can't happen after
// resolve has looked; with a synchronous standby, the answer to the fence also says that earlier commits have reached it.
func (s *Store) resolve(cause error) (outcome, error) {
	for until := time.Now().Add(s.wait.resolve); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		c, err := s.connectWithin(min(s.wait.answer, time.Until(until)))
		if err != nil {
			cause = errors.Join(cause, err)
			continue
		}
		was, err := s.fenced(c)
		if err != nil {
			c.close()
			if errors.Is(err, kv.ErrRewound) {
				return unknown, fmt.Errorf("pgkv: %w: %w", kv.ErrUnknown, err)
			}
			continue
		}
		c.wait = s.wait.answer
		s.conn = c
		s.wake()
		if was {
			return committed, nil
		}
		return failed, cause
	}
	s.away.Store(true)
	return unknown, fmt.Errorf("pgkv: %w: %w", kv.ErrUnknown, opaque{cause})
}

// fenced raises the version and tells whether the last attempt at a commit was kept. It does not raise the version of a
// store that went back, which would hide that from all who compare versions.
func (s *Store) fenced(c *conn) (bool, error) {
	atLeast := s.seen.Load()
	c.warned = "" // a server may warn about something else when a connection begins
	answers, err := c.run(call{name: putFence, params: [][]byte{int8of(atLeast)}, sync: true}, call{name: getWriter, params: [][]byte{s.process}})
	if err == nil {
		err = firstError(answers)
	}
	if err == nil && c.warned != "" {
		err = fmt.Errorf("%w: the server says %q", errLost, c.warned)
	}
	if err != nil {
		return false, err
	}
	if len(answers[0].rows) == 0 {
		return false, s.refuse(fmt.Errorf("pgkv: %w (it was at version %d)", kv.ErrRewound, atLeast))
	}
	s.advance(readInt8(answers[0].rows[0][0]))
	rows := answers[1].rows
	return len(rows) == 1 && readInt8(rows[0][0]) == uint64(s.attempts), nil
}

// opaque hides what an error wraps, so that nobody takes an unknown outcome for one that may be tried again.
type opaque struct{ err error }

func (o opaque) Error() string { return o.err.Error() }
