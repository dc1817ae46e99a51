// Package pgkv is kv on PostgreSQL 14 or later, for several issuers on one store.
//
// Processes are equal: each reads a moment of the store, runs its function on it and commits the writes
// with one statement, which also raises the store's version. The statement does so only if the version is
// still the one of the moment. Otherwise another process has committed in between, and the function runs
// again, this time with the version locked, so that nobody starves. Writers of one process that wait for
// each other share a commit, as in boltkv.
//
// A commit counts when the server says so, with synchronous_commit on: with a synchronous standby it is then on two
// machines. If the answer is lost, a fence (a raised version) makes sure that the commit can't happen later
// if it has not happened yet, and the row of this process says whether it has. The outcome is kv.ErrUnknown
// only if the server can't be asked that either.
//
// The server has one address. A list of servers is refused: the client might pick a frozen
// server that was the primary once.
package pgkv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rind-dev/rind/internal/kv"
)

// MinServer is the oldest supported version of PostgreSQL, as in server_version_num.
const MinServer = 140000

// How long attempts and waits last, and how many readers there are.
const (
	pollInterval  = 250 * time.Millisecond
	lockedFor     = 100 * time.Millisecond // after a conflict the version is locked first
	awayWait      = 2 * pollInterval       // while the server is away, a transaction waits so long for follow to find it
	maxReaders    = 8                      // connections for Views
	slowRoundTrip = 200 * time.Microsecond // above this, writers find out what they will read while they wait for their turn
)

// waits says how long a handle is patient.
type waits struct {
	fault   time.Duration // with a store that can't be reached, before a commit
	answer  time.Duration // with one answer of the server
	resolve time.Duration // to learn what became of a commit whose answer was lost
}

var defaultWaits = waits{fault: 10 * time.Second, answer: 10 * time.Second, resolve: 15 * time.Second}

// Options are settings of Open.
type Options struct {
	// URL is "postgres://user@host:port/database" or "host=… user=… dbname=…", as libpq takes them, without a
	// password. A host needs sslmode=verify-full unless it is the folder of a local socket.
	URL string

	// Password is the user's; empty where the server asks for none.
	Password string

	// Schema holds the tables and is created if it does not exist: "rind" where it is empty.
	Schema string

	wait waits           // the default where it is zero
	dial pgconn.DialFunc // nil, except in tests
}

// Found is what Open found out about the server, to be shown to people.
type Found struct {
	Server      string        // its version
	Synchronous string        // its synchronous_standby_names; empty if a commit is on one machine only
	RoundTrip   time.Duration // of one question
}

// Store is a kv.Store on PostgreSQL.
type Store struct {
	config  *pgconn.Config
	schema  string
	wait    waits
	process []byte // names this handle in the table of writers
	found   Found
	now     func() time.Time // time.Now, except in tests

	stamp atomic.Pointer[kv.Stamp] // under which this handle writes
	next  atomic.Pointer[kv.Stamp] // the stamp that it has asked for instead; nil: none
	seen  atomic.Uint64            // the highest version that was read or written
	away  atomic.Bool              // a transaction has given up waiting for the server, which has not answered since
	over  atomic.Pointer[error]    // why further transactions are refused; nil: they are not

	// writer is full while an Update or Close is at work, which owns the fields from here to expected.
	writer      chan struct{}
	waiting     atomic.Int32 // how many wait for it and have not run yet
	conn        *conn        // the connection that writes; nil: none is open
	group       *group       // the group that is open for the next writer; nil: none
	hints       readSet      // what the functions that have to run again will read
	attempts    int64        // how many commits were attempted
	lockedUntil time.Time

	expected struct { // what the writers that wait for their turn will read
		sync.Mutex
		readSet
	}

	readers  pool
	views    sync.RWMutex // held for reading by each View, for writing by Close
	stopped  chan struct{}
	stopOnce sync.Once
	done     sync.WaitGroup // the goroutines that follow and notify
	notify   chan struct{}  // holds one when other processes are to be woken
	changed  changes
}

var _ kv.Store = (*Store)(nil)

var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// Open connects to the server and creates the tables if they don't exist; several processes may do that at
// once. It refuses a server that is too old or may lose what it says is committed, a connection over a
// network without sslmode=verify-full, and a store that a later rind has written. If the server can't be
// reached, the error is kv.ErrUnavailable.
func Open(ctx context.Context, opt Options) (*Store, error) {
	config, err := opt.parse()
	if err != nil {
		return nil, err
	}
	s := &Store{
		config: config, schema: opt.Schema, process: make([]byte, 16), writer: make(chan struct{}, 1),
		now: time.Now, readers: pool{room: make(chan struct{}, maxReaders)}, stopped: make(chan struct{}), notify: make(chan struct{}, 1),
	}
	s.wait = opt.wait
	if s.wait == (waits{}) {
		s.wait = defaultWaits
	}
	if s.schema == "" {
		s.schema = "rind"
	}
	rand.Read(s.process)
	s.changed.moved = make(chan struct{})
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	s.done.Go(s.follow)
	s.done.Go(s.wakeOthers)
	return s, nil
}

// parse reports everything that is wrong with the options before Open connects.
func (o Options) parse() (*pgconn.Config, error) {
	if o.Schema != "" && !schemaName.MatchString(o.Schema) {
		return nil, fmt.Errorf("pgkv: %q is no name of a schema: use small letters, digits and _", o.Schema)
	}
	if u, err := url.Parse(o.URL); err == nil && u.User != nil {
		if _, has := u.User.Password(); has {
			return nil, errors.New("pgkv: the address of the database has a password in it, where others may read it: put it in a file or a credential of its own")
		}
	}
	if strings.Contains(strings.ToLower(o.URL), "password=") {
		return nil, errors.New("pgkv: the address of the database has a password in it, where others may read it: put it in a file or a credential of its own")
	}
	config, err := pgconn.ParseConfig(o.URL)
	if err != nil { // it quotes the address, which has no password
		return nil, fmt.Errorf("pgkv: the address of the database: %w", err)
	}
	for _, f := range config.Fallbacks {
		if f.Host != config.Host || f.Port != config.Port {
			return nil, errors.New("pgkv: the address of the database names several servers: give the one address that always leads to the primary, for a frozen old primary would be found in a list as well")
		}
	}
	if !strings.HasPrefix(config.Host, "/") && (config.TLSConfig == nil || config.TLSConfig.InsecureSkipVerify || len(config.Fallbacks) > 0) {
		return nil, fmt.Errorf("pgkv: the connection to %s goes over a network: add sslmode=verify-full (and sslrootcert=… for a CA of your own), or use the folder of a local socket as the host", config.Host)
	}
	config.RuntimeParams = map[string]string{} // poolers refuse them
	config.Fallbacks = nil
	config.ConnectTimeout = defaultWaits.answer
	if o.dial != nil {
		config.DialFunc = o.dial
	}
	if o.Password != "" {
		config.Password = o.Password
	}
	return config, nil
}

// Found returns what Open found out about the server.
func (s *Store) Found() Found { return s.found }

// Close implements kv.Store.
func (s *Store) Close() error {
	s.stopOnce.Do(func() { close(s.stopped) })
	s.waiting.Add(1)
	s.writer <- struct{}{}
	s.waiting.Add(-1)
	defer s.unlock()
	if s.group != nil { // left open for the next in line, which is Close
		s.end(s.group)
	}
	if s.conn != nil {
		s.conn.close()
		s.conn = nil
	}
	s.views.Lock()
	defer s.views.Unlock()
	s.readers.close()
	s.done.Wait()
	return nil
}

func (s *Store) closed() bool {
	select {
	case <-s.stopped:
		return true
	default:
		return false
	}
}

// usable returns why no transaction may begin, or nil.
func (s *Store) usable() error {
	if s.closed() {
		return kv.ErrClosed
	}
	if over := s.over.Load(); over != nil {
		return *over
	}
	return nil
}

// refuse ends the use of this handle.
func (s *Store) refuse(why error) error {
	s.over.CompareAndSwap(nil, &why)
	return *s.over.Load()
}
