package pgkv

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rind-dev/rind/internal/kv"
)

// moment is a reading transaction of the server. It begins with the first read, in the same round trip, and
// remembers what it has read, up to a bound. The data can't change while it lasts: it is a snapshot, or the version is locked.
type moment struct {
	s      *Store
	c      *conn
	locked bool

	begun   bool
	version uint64
	known   map[string]value   // what was read by key
	pages   map[span][]kv.Pair // what was read in order
	more    map[span]bool      // whether more pairs follow that page
	fault   error              // why nothing can be read any more
	reads   *readSet           // what the present user has read; nil: not recorded
	stamp   kv.Stamp           // of the store, once it has begun
	initial *kv.Stamp          // what this handle took for the store's stamp when the moment was made
	atLeast uint64             // the least version that the store may have
	size    int                // bytes in known and pages
}

// maxRemembered is above how many bytes a moment forgets what it has read: a View may walk over the whole store.
const maxRemembered = kv.MaxReadBytes

// forget makes room for the next read, if what was read before is much. Reading it again returns the same.
func (m *moment) forget() {
	if m.size > maxRemembered {
		clear(m.known)
		clear(m.pages)
		clear(m.more)
		m.size = 0
	}
}

// value is what is stored under a key; nil bytes for nothing.
type value []byte

// span is part of the keys in order: from lo to below hi, or to the end where open is set.
type span struct {
	lo, hi  string
	open    bool
	most    int
	reverse bool
}

// readSet is what a transaction has read, so that one round trip can read it when the transaction runs again.
type readSet struct {
	keys  map[string]bool
	spans map[span]bool
}

// Bounds of reading ahead; the rest is read when a function asks for it.
const (
	aheadKeys  = 2000
	aheadSpans = 64
)

func (r *readSet) add(other *readSet) {
	if r.keys == nil {
		r.keys, r.spans = map[string]bool{}, map[span]bool{}
	}
	for k := range other.keys {
		if len(r.keys) < aheadKeys {
			r.keys[k] = true
		}
	}
	for sp := range other.spans {
		if len(r.spans) < aheadSpans {
			r.spans[sp] = true
		}
	}
}

func (s *Store) newMoment(c *conn, locked bool) *moment {
	return &moment{
		s: s, c: c, locked: locked, known: map[string]value{}, pages: map[span][]kv.Pair{}, more: map[span]bool{},
		atLeast: s.seen.Load(), initial: s.stamp.Load(),
	}
}

// ask sends calls; if the transaction has not begun, it sends those that begin it first.
func (m *moment) ask(calls ...call) ([]answer, error) {
	if m.fault != nil {
		return nil, m.fault
	}
	begin := 0
	if !m.begun {
		first := []call{{name: doView}, {name: getVersion}}
		if m.locked { // all others wait: it ends soon, also where this process is stopped
			first = []call{{name: doLock}, {name: doHurry}, {name: getLocked}}
		}
		begin = len(first)
		calls = append(first, calls...)
	}
	answers, err := m.c.run(calls...)
	if err == nil {
		err = firstError(answers)
	}
	if err != nil {
		m.fault = err
		return nil, err
	}
	if begin > 0 {
		m.begun = true
		if err := m.check(answers[begin-1]); err != nil {
			m.fault = err
			return nil, err
		}
	}
	return answers[begin:], nil
}

// begin begins a moment if no read has begun it.
func (m *moment) begin() error {
	if m.begun {
		return m.fault
	}
	_, err := m.ask()
	return err
}

// check compares the version of the store with what this handle knows.
func (m *moment) check(a answer) error {
	version, stamp, err := readVersion(a)
	switch {
	case err != nil:
		return err
	case !m.s.knows(stamp, m.initial):
		return m.s.refuse(fmt.Errorf("pgkv: %w", kv.ErrSuperseded))
	case version < m.atLeast:
		return m.s.refuse(fmt.Errorf("pgkv: %w (version %d, and it was %d)", kv.ErrRewound, version, m.atLeast))
	}
	m.version, m.stamp = version, stamp
	m.s.away.Store(false)
	m.s.advance(version)
	return nil
}

// knows tells whether this handle knows a stamp that was read: it is the present one, the one that was present when the reading
// began (a Restamp may have ended meanwhile), or one that is being written.
func (s *Store) knows(stamp kv.Stamp, initial *kv.Stamp) bool {
	for _, known := range []*kv.Stamp{s.stamp.Load(), initial, s.next.Load()} {
		if known != nil && *known == stamp {
			return true
		}
	}
	return false
}

// ahead reads, in one round trip, what is likely to be needed and is not known yet.
func (m *moment) ahead(want readSet) error {
	var calls []call
	keys := make([][]byte, 0, len(want.keys))
	for k := range want.keys {
		if _, known := m.known[k]; !known {
			keys = append(keys, []byte(k))
		}
	}
	if len(keys) > 0 {
		calls = append(calls, keysCall(keys))
	}
	spans := make([]span, 0, len(want.spans))
	for sp := range want.spans {
		if _, known := m.pages[sp]; !known {
			spans = append(spans, sp)
			calls = append(calls, sp.call())
		}
	}
	if len(calls) == 0 && m.begun {
		return m.fault
	}
	answers, err := m.ask(calls...)
	if err != nil {
		return err
	}
	if len(keys) > 0 {
		m.learn(keys, answers[0])
		answers = answers[1:]
	}
	for i, sp := range spans {
		m.page(sp, answers[i])
	}
	return nil
}

func keysCall(keys [][]byte) call {
	return call{name: getKeys, params: [][]byte{byteArray(keys), int8of(kv.MaxReadBytes)}}
}

// learn keeps what a call for keys has returned; keys that were too much at once stay unknown.
func (m *moment) learn(keys [][]byte, a answer) {
	for _, k := range keys {
		m.known[string(k)] = nil
		m.size += len(k)
	}
	for _, row := range a.rows {
		if row[1] == nil {
			delete(m.known, string(row[0]))
		} else {
			m.known[string(row[0])] = row[1]
			m.size += len(row[1])
		}
	}
}

// get reads keys that a store can hold. A key that is not in the result was too much at once.
func (m *moment) get(keys [][]byte) error {
	m.forget()
	var unknown [][]byte
	for _, k := range keys {
		if m.reads != nil && len(m.reads.keys) < aheadKeys {
			m.reads.keys[string(k)] = true
		}
		if _, ok := m.known[string(k)]; !ok {
			unknown = append(unknown, k)
		}
	}
	if m.fault != nil || len(unknown) == 0 {
		return m.fault
	}
	answers, err := m.ask(keysCall(unknown))
	if err == nil {
		m.learn(unknown, answers[0])
	}
	return err
}

func (sp span) call() call {
	name := map[[2]bool]string{{false, false}: getUpTo, {false, true}: getUp, {true, false}: getDownTo, {true, true}: getDown}[[2]bool{sp.reverse, sp.open}]
	params := [][]byte{int8of(uint64(sp.most)), int8of(kv.MaxReadBytes), []byte(sp.lo)}
	if !sp.open {
		params = append(params, []byte(sp.hi))
	}
	return call{name: name, params: params}
}

// page keeps what a call for a span has returned, up to what was too much at once.
func (m *moment) page(sp span, a answer) {
	pairs := make([]kv.Pair, 0, len(a.rows))
	for _, row := range a.rows {
		if row[1] == nil {
			m.more[sp] = true
			break
		}
		pairs = append(pairs, kv.Pair{Key: row[0], Value: row[1]})
		m.size += len(row[0]) + len(row[1])
	}
	m.pages[sp], m.more[sp] = pairs, m.more[sp] || len(pairs) == sp.most
}

// scan reads one page, and tells whether there may be more.
func (m *moment) scan(sp span) ([]kv.Pair, bool, error) {
	m.forget()
	if m.reads != nil && len(m.reads.spans) < aheadSpans {
		m.reads.spans[sp] = true
	}
	if m.fault != nil {
		return nil, false, m.fault
	}
	if _, ok := m.pages[sp]; !ok {
		answers, err := m.ask(sp.call())
		if err != nil {
			return nil, false, err
		}
		m.page(sp, answers[0])
	}
	return m.pages[sp], m.more[sp], nil
}

// transient tells whether a fault may be gone when the transaction runs again: a fault of the connection, or
// of a server that starts, stops, is promoted, or found two transactions in each other's way.
func transient(err error) bool {
	if errors.Is(err, kv.ErrSuperseded) || errors.Is(err, kv.ErrRewound) || errors.Is(err, kv.ErrClosed) {
		return false
	}
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return true
	}
	return slices.Contains([]string{"08", "53", "57", "58"}, refused.Code[:min(2, len(refused.Code))]) ||
		slices.Contains([]string{"40001", "40P01", "25006", "25P02", "25P03", "55P03", "26000", "XX000"}, refused.Code)
}
