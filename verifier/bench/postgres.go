package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgres starts a server on a socket of its own with a table of as many tokens as
// the store has, and returns what looks one up by its primary key. The error says
// what is missing; then the case is left out.
func postgres(ctx context.Context, tokens int, d *draw) (work func(int) error, done func(), err error) {
	server, err := startPostgres()
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			server.stop()
		}
	}()
	db, err := server.connect(ctx)
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
	return work, func() { db.Close(ctx); server.stop() }, nil
}

func fillTable(ctx context.Context, db *pgx.Conn, tokens int) error {
	if _, err := db.Exec(ctx, "CREATE TABLE tokens (hash bytea PRIMARY KEY, expires bigint NOT NULL, user_id text NOT NULL, project text NOT NULL)"); err != nil {
		return err
	}
	n := -1
	rows := pgx.CopyFromFunc(func() ([]any, error) {
		if n++; n == tokens {
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

// cluster is a running server.
type cluster struct {
	dir string
	cmd *exec.Cmd
}

// startPostgres makes a cluster and runs its server, without TCP. PostgreSQL refuses
// to run as root, so there it runs as the user postgres.
func startPostgres() (*cluster, error) {
	initdb, err := findProgram("initdb")
	if err != nil {
		return nil, err
	}
	program, err := findProgram("postgres")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "rind-pg-") // short: the path of a socket has 107 bytes at most
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir}
	data := filepath.Join(dir, "data")
	if os.Getuid() == 0 {
		if out, err := exec.Command("chown", "postgres", dir).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("as root it needs the user postgres: %s", out)
		}
	}
	if out, err := asPostgres(initdb, "-D", data, "-A", "trust", "-U", "postgres", "-N").CombinedOutput(); err != nil {
		c.stop()
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	c.cmd = asPostgres(program, "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "shared_buffers=512MB")
	if err := c.cmd.Start(); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

func findProgram(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return "", fmt.Errorf("%s is not installed", name)
	}
	return found[len(found)-1], nil
}

func asPostgres(program string, args ...string) *exec.Cmd {
	if os.Getuid() != 0 {
		return exec.Command(program, args...)
	}
	return exec.Command("setpriv", append([]string{"--reuid=postgres", "--regid=postgres", "--clear-groups", program}, args...)...)
}

// connect waits until the server answers.
func (c *cluster) connect(ctx context.Context) (*pgx.Conn, error) {
	var err error
	for range 100 {
		var db *pgx.Conn
		if db, err = pgx.Connect(ctx, "host="+c.dir+" user=postgres dbname=postgres sslmode=disable"); err == nil {
			return db, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, err
}

func (c *cluster) stop() {
	if c.cmd != nil {
		c.cmd.Process.Signal(syscall.SIGINT) // fast shutdown
		c.cmd.Wait()
	}
	if strings.Contains(c.dir, "rind-pg-") {
		os.RemoveAll(c.dir)
	}
}
