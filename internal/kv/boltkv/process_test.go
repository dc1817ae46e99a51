package boltkv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// The test binary runs itself as a second process where this is set: "hold" or "write".
const roleVar = "BOLTKV_TEST_ROLE"

func TestMain(m *testing.M) {
	role, path := os.Getenv(roleVar), os.Getenv("BOLTKV_TEST_PATH")
	if role == "" {
		os.Exit(m.Run())
	}
	s, err := Open(path, Options{})
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	fmt.Println("open")
	switch role {
	case "hold":
		io.Copy(io.Discard, os.Stdin) // until the test lets go
		s.Close()
	case "write":
		fmt.Println("stopped:", write(s))
	}
	os.Exit(0)
}

// write counts up for ever, and says each number once it is durable.
func write(s *Store) error {
	for {
		n := 0
		err := s.Update(context.Background(), func(tx kv.Tx) error {
			last, err := tx.Get([]byte("last"))
			if err == nil {
				n, err = strconv.Atoi(string(last))
			}
			if err != nil && !errors.Is(err, kv.ErrNotFound) {
				return err
			}
			n++
			if n > 20 {
				if err := tx.Delete(record(n - 20)); err != nil {
					return err
				}
			}
			return errors.Join(tx.Put([]byte("last"), []byte(strconv.Itoa(n))), tx.Put(record(n), content(n)))
		})
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// second starts this test binary in a role and waits until it has the store open.
func second(t *testing.T, role, path string) (*exec.Cmd, io.WriteCloser, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVar+"="+role, "BOLTKV_TEST_PATH="+path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "open" {
		t.Fatalf("the second process says %q", lines.Text())
	}
	return cmd, in, lines
}

func TestFileHeldByAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	cmd, in, _ := second(t, "hold", path)
	_, err := Open(path, Options{Timeout: 100 * time.Millisecond})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "rind serve") {
		t.Fatalf("Open of a held file: %v, want ErrInUse that says by whom", err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, path)
}

// TestKilledWriter kills a process that writes, again and again: what it said is
// durable is there, each transaction is there as a whole, and the store opens.
func TestKilledWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	random := rand.New(rand.NewPCG(5, 6))
	acknowledged := 0
	for range 25 {
		cmd, _, lines := second(t, "write", path)
		for range random.IntN(40) {
			if !lines.Scan() {
				t.Fatal("the writer stopped by itself")
			}
			acknowledged = mustInt(t, lines.Text())
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it had said before it died
			acknowledged = mustInt(t, lines.Text())
		}
		cmd.Wait()
		acknowledged = checkKilled(t, path, acknowledged)
	}
	if acknowledged == 0 {
		t.Error("nothing was ever written")
	}
}

// checkKilled returns the number that the store holds.
func checkKilled(t *testing.T, path string, acknowledged int) (last int) {
	t.Helper()
	s := mustOpen(t, path)
	defer s.Close()
	if err := s.View(t.Context(), func(r kv.Reader) error {
		b, err := r.Get([]byte("last"))
		if errors.Is(err, kv.ErrNotFound) {
			b, err = []byte("0"), nil
		}
		if err != nil {
			return err
		}
		last = mustInt(t, string(b))
		if last != acknowledged && last != acknowledged+1 {
			return fmt.Errorf("the store holds %d; the writer had acknowledged %d", last, acknowledged)
		}
		pairs, err := r.Scan([]byte("record/"), nil, 0, false)
		if err != nil {
			return err
		}
		first := max(1, last-19)
		if len(pairs) != last-first+1 {
			return fmt.Errorf("%d records at number %d", len(pairs), last)
		}
		for i, p := range pairs {
			if string(p.Key) != string(record(first+i)) || string(p.Value) != string(content(first+i)) {
				return fmt.Errorf("record %d is %q", first+i, p)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return last
}

func mustInt(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("the writer says %q", s)
	}
	return n
}
