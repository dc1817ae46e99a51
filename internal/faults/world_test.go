package faults

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

var alice = ledger.Principal{UserID: "00000000-0000-4000-8000-0000000000aa", Username: "alice"}

// world is an issuer with a data folder, and a verifier that follows it, each a
// process of its own while it runs.
type world struct {
	*testing.T
	dir    string
	data   string // of the issuer
	port   int
	keys   string // root-key store of the verifier
	status string // where it says how it does

	server, follower *realtest.Process // nil while they don't run
}

// newWorld makes the data folder of an issuer where alice owns demo.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir()}
	w.place()
	check(t, os.Mkdir(w.data, 0o700))
	w.issuer(func(s *issuer.Service) error {
		_, _, err := s.Projects.Create(t.Context(), alice, "demo")
		return err
	})
	return w
}

// place says where things are.
func (w *world) place() {
	w.Helper()
	w.data, w.keys = filepath.Join(w.dir, "data"), filepath.Join(w.dir, "rootkeys.db")
	w.port, w.status = realtest.FreePort(w.T), realtest.FreeAddress(w.T)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// issuer opens the issuer of the data folder while no server has it.
func (w *world) issuer(fn func(*issuer.Service) error) {
	w.Helper()
	path := filepath.Join(w.data, "rind.db")
	_, err := os.Stat(path)
	key, kerr := seal.LoadKey(filepath.Join(w.data, "rind.key"), errors.Is(err, os.ErrNotExist))
	check(w, kerr)
	sealer, err := seal.New(key)
	check(w, err)
	store, err := boltkv.Open(path, boltkv.Options{})
	check(w, err)
	s, err := issuer.New(issuer.Config{Store: store, Sealer: sealer, Location: fmt.Sprintf("localhost:%d", w.port)})
	if err == nil {
		err = store.Update(w.Context(), func(tx kv.Tx) error { return s.Ledger.RecordUser(tx, alice.UserID, alice.Username, false) })
	}
	if err == nil {
		err = fn(s)
	}
	check(w, errors.Join(err, store.Close()))
}

// mint writes a new token of alice's to a file while no server has the store, and
// returns its id.
func (w *world) mint(path string) (id string) {
	w.Helper()
	w.issuer(func(s *issuer.Service) error {
		m, err := s.Tokens.Mint(w.Context(), alice, tokens.MintRequest{Label: filepath.Base(path), Scope: tokens.ScopeAll, Life: tokens.LifeNever})
		if err != nil {
			return err
		}
		id = m.Token.ID
		return os.WriteFile(path, []byte(m.Text+"\n"), 0o600)
	})
	return id
}

// serve starts the issuer and waits until it is healthy.
func (w *world) serve() {
	w.Helper()
	w.server = realtest.Start(w.T, nil, realtest.Rind(w), "serve", "--data", w.data, "--listen", w.address())
	w.server.Eventually("rind serve is healthy", func() error { return realtest.Get(w.url("/healthz"), http.StatusOK, "") })
}

// address is where the issuer listens.
func (w *world) address() string { return fmt.Sprintf("127.0.0.1:%d", w.port) }

func (w *world) url(path string) string { return "http://" + w.address() + path }

func (w *world) stopServe() {
	w.Helper()
	w.server.Stop()
	w.server = nil
}

// register registers a verifier and returns the file of its secret.
func (w *world) register(name string) string {
	w.Helper()
	path := w.secret(name)
	secret := w.rind("admin", "--data", w.data, "register-verifier", name)
	check(w, os.WriteFile(path, []byte(secret), 0o600))
	return path
}

// secret is the file of a verifier's secret.
func (w *world) secret(name string) string { return filepath.Join(w.dir, name+".secret") }

// follow starts the verifier.
func (w *world) follow(secret string) {
	w.Helper()
	w.follower = realtest.Start(w.T, nil, realtest.Rind(w), "verifier", "follow", "--issuer", w.url(""), "--secret-file", secret,
		"--keys", w.keys, "--status", w.status)
}

func (w *world) stopFollow() {
	w.Helper()
	w.follower.Stop()
	w.follower = nil
}

// healthy waits until the verifier has all that the issuer has.
func (w *world) healthy() {
	w.Helper()
	w.follower.Eventually("the verifier decides", func() error {
		return errors.Join(realtest.Get("http://"+w.status+"/healthz", http.StatusOK, ""),
			realtest.Get("http://"+w.status+"/status", http.StatusOK, `"lag":0,`),
			realtest.Get("http://"+w.status+"/metrics", http.StatusOK, "\nrind_verifier_connected 1\n"))
	})
}

// astray waits until the verifier knows that its issuer has a different history, and sees that
// it says so everywhere.
func (w *world) astray() {
	w.Helper()
	w.follower.Eventually("the verifier hears of a different history", func() error {
		return errors.Join(realtest.Get("http://"+w.status+"/healthz", http.StatusServiceUnavailable, "rind verifier reset"),
			realtest.Get("http://"+w.status+"/status", http.StatusOK, `"other_history":true`),
			realtest.Get("http://"+w.status+"/metrics", http.StatusOK, "\nrind_verifier_other_history 1\n"))
	})
	if out, code := w.run("verifier", "status", "--from", w.status); code != 1 || !strings.Contains(out, "different history") {
		w.Errorf("the status is %d\n%s", code, out)
	}
}

// What 'rind token verify' exits with.
const (
	allowed     = 0
	denied      = 1
	unavailable = 2
)

// decides asks the store of the verifier, which does not run, about a token.
func (w *world) decides(token string, want int) {
	w.Helper()
	w.decidesBy(w.keys, token, want)
}

// decidesBy asks a store that nobody holds.
func (w *world) decidesBy(keys, token string, want int) {
	w.Helper()
	out, code := w.run("token", "verify", "--token-file", token, "--keys", keys, "--project", "demo")
	if code != want {
		w.Errorf("%s: exit code %d, want %d\n%s", filepath.Base(token), code, want, out)
	}
}

// run runs the binary to its end, and returns what it wrote.
func (w *world) run(args ...string) (out string, code int) {
	w.Helper()
	cmd := exec.CommandContext(w.Context(), realtest.Rind(w), args...)
	b, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		w.Fatal(err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

// rind runs the binary to its end, which has to be a good one, and returns its stdout.
func (w *world) rind(args ...string) string {
	w.Helper()
	var errs bytes.Buffer
	cmd := exec.CommandContext(w.Context(), realtest.Rind(w), args...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		w.Fatalf("rind %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return string(out)
}

// copyFolder copies the files of a folder.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	check(t, os.CopyFS(to, os.DirFS(from)))
	check(t, filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chmod(path, map[bool]os.FileMode{true: 0o700, false: 0o600}[d.IsDir()])
	}))
}
