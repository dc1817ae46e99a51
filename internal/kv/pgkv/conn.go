package pgkv

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/deadline"

	"github.com/jackc/pgx/v5/pgconn"
)

// conn is one connection, with its session set up and its statements prepared. One goroutine
// at a time uses it.
type conn struct {
	pg     *pgconn.PgConn
	warned string // by the server, since it was last emptied
	wait   time.Duration
}

// session sets up each connection, whatever defaults the database, the user or a pooler have.
// Scans in the order of keys must never sort, however wrong the server's statistics are.
const session = `set synchronous_commit = %s; set default_transaction_isolation = 'read committed';
set default_transaction_read_only = off; set default_transaction_deferrable = off; set search_path = pg_catalog;
set client_min_messages = warning; set statement_timeout = '30s'; set lock_timeout = '8s'; set idle_in_transaction_session_timeout = '60s';
set enable_seqscan = off; set enable_bitmapscan = off; set enable_sort = off; set jit = off; set plan_cache_mode = force_generic_plan; set application_name = 'rind'`

// dial opens a connection and sets up its session.
func (s *Store) dial(ctx context.Context, synchronous string) (*conn, error) {
	c := &conn{wait: s.wait.answer}
	config := s.config.Copy()
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { c.warned = n.Message }
	var err error
	c.pg, err = pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := c.exec(fmt.Sprintf(session, synchronous)); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// connect is dial with the statements of the tables.
func (s *Store) connect() (*conn, error) { return s.connectWithin(s.wait.answer) }

// connectWithin is connect with a bound for all of it, and for the answers on the connection.
func (s *Store) connectWithin(limit time.Duration) (*conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c, err := s.dial(ctx, "on")
	if err != nil {
		return nil, err
	}
	if err := c.prepare(ctx, statements(s.schema)); err != nil {
		c.close()
		return nil, err
	}
	c.wait = limit
	return c, nil
}

// prepare prepares statements, all in one round trip: after a fault, everybody waits for a new connection.
func (c *conn) prepare(ctx context.Context, all map[string]string) error {
	c.hurry()
	p := c.pg.StartPipeline(ctx)
	for name, sql := range all {
		p.SendPrepare(name, sql, nil)
	}
	err := p.Sync()
	for n := 0; err == nil && n <= len(all); n++ { // the last result is that of Sync
		_, err = p.GetResults()
	}
	return errors.Join(err, p.Close())
}

// exec runs statements that take no parameters.
func (c *conn) exec(sql string) error {
	c.hurry()
	return c.pg.Exec(context.Background(), sql).Close()
}

// hurry bounds how long the next answer may take.
func (c *conn) hurry() { deadline.Within(c.pg.Conn(), c.wait) }

// close ends the connection at once; the server rolls back what is open.
func (c *conn) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c.pg.Close(ctx)
}

// call is a prepared statement with its parameters. The calls up to the one with sync form a unit,
// which fails as a whole.
type call struct {
	name   string
	params [][]byte
	sync   bool
}

// answer is what a call returned. done says that the server has ended its unit.
type answer struct {
	rows [][][]byte
	tag  string
	err  error
	done bool
}

var binaryFormat = []int16{1}

// run sends all calls in one round trip. An error means that the connection is of no further use; what the
// server says about a call is in its answer.
func (c *conn) run(calls ...call) (answers []answer, err error) {
	answers = make([]answer, len(calls))
	c.hurry()
	p := c.pg.StartPipeline(context.Background())
	for i, q := range calls {
		p.SendQueryPrepared(q.name, q.params, binaryFormat, binaryFormat)
		if q.sync && i < len(calls)-1 {
			p.SendPipelineSync()
		}
	}
	if err := p.Sync(); err != nil {
		return answers, err
	}
	err = collect(p, calls, answers)
	return answers, errors.Join(err, closePipeline(p, err))
}

// closePipeline ends pipeline mode. The server's errors are in the answers already.
func closePipeline(p *pgconn.Pipeline, failed error) error {
	err := p.Close()
	var refused *pgconn.PgError
	if failed != nil || errors.As(err, &refused) {
		return nil
	}
	return err
}

func collect(p *pgconn.Pipeline, calls []call, answers []answer) error {
	for first := 0; first < len(calls); {
		end := first + 1 // of the unit
		for end < len(calls) && !calls[end-1].sync {
			end++
		}
		for next := first; ; {
			result, err := p.GetResults()
			var refused *pgconn.PgError
			if reader, ok := result.(*pgconn.ResultReader); ok && err == nil {
				r := reader.Read()
				err = r.Err
				if err == nil {
					answers[next].rows, answers[next].tag = r.Rows, r.CommandTag.String()
					next++
					continue
				}
			}
			if errors.As(err, &refused) {
				answers[min(next, end-1)].err = err
				if refused.SeverityUnlocalized != "ERROR" { // the connection ends
					return err
				}
				continue
			}
			if err != nil {
				return err
			}
			if _, ok := result.(*pgconn.PipelineSync); !ok {
				return fmt.Errorf("pgkv: an answer %T where the end of a transaction was expected", result)
			}
			break
		}
		for i := first; i < end; i++ {
			answers[i].done = true
		}
		first = end
	}
	return nil
}

// firstError returns the first error that the server returned for any call.
func firstError(answers []answer) error {
	for _, a := range answers {
		if a.err != nil {
			return a.err
		}
	}
	return nil
}

func int8of(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func readInt8(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// byteArray encodes a bytea[] for the protocol.
func byteArray(list [][]byte) []byte {
	size := 20
	for _, b := range list {
		size += 4 + len(b)
	}
	out := make([]byte, 0, size)
	dimensions := uint32(1)
	if len(list) == 0 {
		dimensions = 0
	}
	const bytea = 17
	for _, n := range []uint32{dimensions, 0, bytea} {
		out = binary.BigEndian.AppendUint32(out, n)
	}
	if len(list) == 0 {
		return out
	}
	out = binary.BigEndian.AppendUint32(out, uint32(len(list)))
	out = binary.BigEndian.AppendUint32(out, 1)
	for _, b := range list {
		out = binary.BigEndian.AppendUint32(out, uint32(len(b)))
		out = append(out, b...)
	}
	return out
}

// pool holds idle connections for Views.
type pool struct {
	room chan struct{} // holds one for each connection in use
	mu   sync.Mutex
	idle []*conn
	gone bool
}

// take waits for a place and returns a connection, or nil if the caller has to open one.
func (p *pool) take(ctx context.Context) (*conn, error) {
	select {
	case p.room <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return c, nil
	}
	return nil, nil
}

// put gives back a place, and a connection that is still good, or nil.
func (p *pool) put(c *conn) {
	defer func() { <-p.room }()
	if c == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		c.close()
		return
	}
	p.idle = append(p.idle, c)
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	for _, c := range p.idle {
		c.close()
	}
	p.idle = nil
}
