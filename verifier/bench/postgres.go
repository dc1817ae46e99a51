package main

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/rind-dev/rind/internal/pgtest"
)

// postgres starts a server on its own socket, with a table of as many tokens as the store has, and
// returns a function that looks one up by its primary key. If it returns an error, the case is left
// out.
func postgres(ctx context.Context, tokens int, d *draw) (work func(int) error, done func(), err error) {
	server, err := pgtest.Start("shared_buffers=512MB")
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			server.Stop()
		}
	}()
	db, err := pgx.Connect(ctx, server.URL())
	if err != nil {
		return nil, nil, err
	}
	if err := fillTable(ctx, db, tokens); err != nil {
		return nil, nil, err
	}
	work = func(i int) error {
		i %= len(d.opaque)
		sum := sha256.Sum256([]byte(d.opaque[i]))
		var expires int64
		var user, name string
		err := db.QueryRow(ctx, "SELECT expires, user_id, project FROM tokens WHERE hash = $1", sum[:]).Scan(&expires, &user, &name)
		if err == nil && (expires <= start.Unix() || name != d.requests[i].Project) {
			err = errors.New("not allowed")
		}
		return err
	}
	return work, func() { db.Close(ctx); server.Stop() }, nil
}

func fillTable(ctx context.Context, db *pgx.Conn, tokens int) error {
	if _, err := db.Exec(ctx, "CREATE TABLE tokens (hash bytea PRIMARY KEY, expires bigint NOT NULL, user_id text NOT NULL, project text NOT NULL)"); err != nil {
		return err
	}
	n := -1
	rows := pgx.CopyFromFunc(func() ([]any, error) {
		n++
		if n == tokens {
			return nil, nil
		}
		sum := sha256.Sum256([]byte(opaque(n)))
		return []any{sum[:], start.Unix() + 86400, userID(n), project(n)}, nil
	})
	if _, err := db.CopyFrom(ctx, pgx.Identifier{"tokens"}, []string{"hash", "expires", "user_id", "project"}, rows); err != nil {
		return err
	}
	_, err := db.Exec(ctx, "VACUUM ANALYZE tokens")
	return err
}
