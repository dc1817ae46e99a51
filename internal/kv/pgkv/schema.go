package pgkv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rind-dev/rind/internal/kv"
)

// schema makes the tables. The transaction that creates the table of the version also inserts its row.
const schema = `begin; create schema if not exists %[1]s;
create table %[1]s.kv (key bytea primary key, value bytea not null);
create table %[1]s.version (one boolean primary key default true check (one), version bigint not null, generation bigint not null, layout bigint not null);
create table %[1]s.writer (process bytea primary key, n bigint not null, at timestamptz not null default now());
insert into %[1]s.version (version, generation, layout) values (1, 1, %[2]d); commit`

// Names of the statements that each connection has prepared.
const (
	doView     = "view"
	doLock     = "lock"
	doHurry    = "hurry"
	doRollback = "rollback"
	doCommit   = "commit"
	getVersion = "version"
	getLocked  = "version_locked"
	getKeys    = "keys"
	getUp      = "up"
	getUpTo    = "up_to"
	getDown    = "down"
	getDownTo  = "down_to"
	putChanges = "changes"
	putFence   = "fence"
	putStamp   = "stamp"
	getWriter  = "writer"
	getClock   = "clock"
)

func statements(schema string) map[string]string {
	scan := func(order, upper string) string {
		return fmt.Sprintf(`select key, case when total <= $2 then value end from (select key, value,
			sum(octet_length(key) + octet_length(value)) over (order by key%[2]s rows unbounded preceding) as total
			from %[1]s.kv where key >= $3%[3]s order by key%[2]s limit $1) as page`, schema, order, upper)
	}
	return map[string]string{
		doView:     `begin isolation level repeatable read, read only`,
		doLock:     `begin isolation level read committed, read write`,
		doHurry:    `set local idle_in_transaction_session_timeout = '2s'`,
		doRollback: `rollback`,
		doCommit:   `commit`,
		getVersion: fmt.Sprintf(`select version, generation, layout from %s.version`, schema),
		getLocked:  fmt.Sprintf(`select version, generation, layout from %s.version for update`, schema),
		getKeys: fmt.Sprintf(`select key, case when sum(octet_length(key) + octet_length(value)) over (rows unbounded preceding) <= $2 then value end
			from %s.kv where key = any($1::bytea[])`, schema),
		getUp:     scan("", ""),
		getUpTo:   scan("", " and key < $4"),
		getDown:   scan(" desc", ""),
		getDownTo: scan(" desc", " and key < $4"),
		// The parts see the same moment and each works on different rows; if the version differs, only the first does anything.
		putChanges: fmt.Sprintf(`with raised as (
				update %[1]s.version set version = version + 1 where version = $1 and generation = $2 and layout = $3 returning version),
			noted as (insert into %[1]s.writer (process, n) select $4::bytea, $5::bigint from raised
				on conflict (process) do update set n = excluded.n, at = now()),
			gone as (delete from %[1]s.kv where key = any($6::bytea[]) and exists (select from raised)),
			there as (insert into %[1]s.kv (key, value) select k, v from unnest($7::bytea[], $8::bytea[]) as u (k, v) where exists (select from raised)
				on conflict (key) do update set value = excluded.value)
			select version from raised`, schema),
		putFence:  fmt.Sprintf(`update %s.version set version = version + 1 where version >= $1 returning version`, schema),
		putStamp:  fmt.Sprintf(`update %s.version set version = version + 1, generation = $1, layout = $2 where generation = $3 and layout = $4 returning version`, schema),
		getClock:  `select (extract(epoch from clock_timestamp()) * 1000000)::bigint`,
		getWriter: fmt.Sprintf(`select n from %s.writer where process = $1`, schema),
	}
}

// prepare looks at the server, makes the tables if they don't exist, and reads the stamp.
func (s *Store) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*s.wait.fault)
	defer cancel()
	c, err := s.dial(ctx, "on")
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused) && !transient(err): // a wrong password or database stays wrong
		return fmt.Errorf("pgkv: the server refuses the connection: %w", err)
	case err != nil:
		return fmt.Errorf("pgkv: connect: %w: %w", kv.ErrUnavailable, err)
	}
	defer c.close()
	if err := s.look(c); err != nil {
		return err
	}
	if err := s.create(ctx, c); err != nil {
		return err
	}
	s.conn, err = s.connect()
	if err != nil {
		return fmt.Errorf("pgkv: open: %w: %w", kv.ErrUnavailable, err)
	}
	if err := s.readStamp(); err != nil {
		s.conn.close()
		return err
	}
	return nil
}

// look asks the server about its version and settings, and refuses one that could lose what it says is committed.
func (s *Store) look(c *conn) error {
	var row [][]byte
	var took []time.Duration
	for range 5 {
		begun := time.Now()
		c.hurry()
		results, err := c.pg.Exec(context.Background(), `select current_setting('server_version_num'), current_setting('fsync'), pg_is_in_recovery()::text,
			current_setting('server_version'), current_setting('synchronous_standby_names')`).ReadAll()
		if err != nil {
			return fmt.Errorf("pgkv: ask the server: %w: %w", kv.ErrUnavailable, err)
		}
		row, took = results[0].Rows[0], append(took, time.Since(begun))
	}
	slices.Sort(took)
	s.found = Found{Server: string(row[3]), Synchronous: string(row[4]), RoundTrip: took[len(took)/2]}
	number, err := strconv.Atoi(string(row[0]))
	switch {
	case err != nil || number < MinServer:
		return fmt.Errorf("pgkv: the server is PostgreSQL %s: rind needs 14 or later", row[3])
	case string(row[1]) != "on":
		return errors.New("pgkv: the server runs with fsync off, so a revocation may be lost when its machine stops: set fsync = on")
	case string(row[2]) == "true":
		return fmt.Errorf("pgkv: the server is a standby, which takes no changes: give the address that leads to the primary: %w", kv.ErrUnavailable)
	}
	return nil
}

// create makes the tables. Several processes may try at once; the first one's count.
func (s *Store) create(ctx context.Context, c *conn) error {
	for try := 0; ; try++ {
		c.hurry()
		results, err := c.pg.Exec(ctx, fmt.Sprintf(`select to_regclass('%s.version')::text`, s.schema)).ReadAll()
		if err != nil {
			return fmt.Errorf("pgkv: look for the tables: %w: %w", kv.ErrUnavailable, err)
		}
		if results[0].Rows[0][0] != nil {
			return nil
		}
		err = c.exec(fmt.Sprintf(schema, s.schema, kv.Layout))
		if err == nil {
			return nil
		}
		if rolled := c.exec("rollback"); rolled != nil || try == 20 || !collision(err) {
			return fmt.Errorf("pgkv: create the tables in the schema %q: %w", s.schema, err)
		}
		select {
		case <-time.After(time.Duration(try+1) * 10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("pgkv: create the tables: %w", ctx.Err())
		}
	}
}

// collision tells whether another process created the same thing at the same time.
func collision(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && slices.Contains([]string{"23505", "42P06", "42P07", "42710", "40001", "40P01", "XX000"}, refused.Code)
}

// readStamp reads the store's stamp and takes it over.
func (s *Store) readStamp() error {
	answers, err := s.conn.run(call{name: getVersion})
	if err == nil {
		err = answers[0].err
	}
	if err != nil {
		return fmt.Errorf("pgkv: read the version: %w: %w", kv.ErrUnavailable, err)
	}
	version, stamp, err := readVersion(answers[0])
	if err != nil {
		return err
	}
	if stamp.Layout > kv.Layout {
		return fmt.Errorf("pgkv: the store has layout %d and this rind knows layouts up to %d: run the newer rind that wrote it", stamp.Layout, kv.Layout)
	}
	s.stamp.Store(&stamp)
	s.advance(version)
	return nil
}

func readVersion(a answer) (version uint64, stamp kv.Stamp, err error) {
	if len(a.rows) != 1 || len(a.rows[0]) != 3 {
		return 0, stamp, errors.New("pgkv: the row of the store's version is missing: restore the database from a backup")
	}
	row := a.rows[0]
	return readInt8(row[0]), kv.Stamp{Generation: readInt8(row[1]), Layout: readInt8(row[2])}, nil
}
