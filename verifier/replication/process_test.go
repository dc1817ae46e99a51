package replication_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// child is the environment variable that makes this test's binary a verifier: its
// issuer, its secret's file and its store, as JSON.
const child = "RIND_TEST_VERIFIER"

func TestMain(m *testing.M) {
	if job := os.Getenv(child); job != "" {
		if err := follow(job, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if job := os.Getenv(childIssuer); job != "" {
		fmt.Fprintln(os.Stderr, issue(job, os.Stdout))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

type job struct{ URL, Secret, Path string }

// answered is what a verifier in another process answers to a token.
type answered struct {
	Answer   string
	Revision uint64
	Err      string // of the follower
}

// follow is a verifier in a process of its own. It answers each line of stdin, a
// token's text, with a line of JSON; to "full" it lets its files grow no more.
func follow(text string, stdin io.Reader, stdout io.Writer) error {
	var j job
	err := json.Unmarshal([]byte(text), &j)
	if err != nil {
		return err
	}
	keys, err := rootkeys.Open(j.Path, rootkeys.Options{Key: key})
	if err != nil {
		return err
	}
	remote, err := replication.NewRemote(replication.RemoteConfig{URL: j.URL, SecretFile: j.Secret})
	if err != nil {
		return err
	}
	f := replication.New(replication.Config{Remote: remote, Store: keys})
	replication.Hasten(f)
	go func() { _ = f.Run(context.Background()) }()
	check := verifier.New(f)
	for in := bufio.NewScanner(stdin); in.Scan(); {
		if in.Text() == "full" {
			if err := full(j.Path); err != nil {
				return err
			}
		}
		out := answered{Answer: "allow"}
		_, err := check.Verify(context.Background(), in.Text(), verifier.Request{Action: caveats.ActionUpload, Project: "demo"})
		var denial *verifier.Denial
		if errors.As(err, &denial) {
			out.Answer = string(denial.Reason())
		} else if err != nil {
			out.Answer = unavailable
		}
		out.Revision = keys.Position().Revision
		if err := f.Err(); err != nil {
			out.Err = err.Error()
		}
		if err := json.NewEncoder(stdout).Encode(out); err != nil {
			return err
		}
	}
	return nil
}

// full keeps the files of this process from growing, as a disk that is full does.
func full(path string) error {
	signal.Ignore(syscall.SIGXFSZ)
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	size := uint64(fi.Size())
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: size})
}

// other is a verifier in another process.
type other struct {
	testing.TB
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Reader
}

func startOther(t testing.TB, j job) *other {
	t.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	p := &other{TB: t, cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), child+"="+string(text))
	p.cmd.Stderr = os.Stderr
	p.in, err = p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

// kill ends the process at once, with nothing said.
func (p *other) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *other) ask(text string) (out answered) {
	p.Helper()
	if _, err := fmt.Fprintln(p.in, text); err != nil {
		p.Fatal(err)
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		p.Fatal(err)
	}
	err = json.Unmarshal(line, &out)
	if err != nil {
		p.Fatal(err)
	}
	return out
}

// TestVerifierKilled kills a verifier again and again while tokens come and go, and
// then looks at what its store says.
func TestVerifierKilled(t *testing.T) {
	o := newOrigin(t)
	r := newReplica(t, o.url(), o.secretFile("berlin"))
	r.catchUp(o)
	path := r.path
	r.stop()
	j := job{o.url(), r.remote.SecretFile, path}
	all := map[string]tokens.Minted{}
	gone := map[string]bool{}
	for round := range 12 {
		p := startOther(t, j)
		first := o.mint(fmt.Sprint("first ", round))
		p.ask(first.Text) // it is up
		all[first.Token.ID] = first
		if round == 0 {
			if _, err := rootkeys.Open(path, rootkeys.Options{Key: key, Timeout: 10 * time.Millisecond}); err == nil || !bytes.Contains([]byte(err.Error()), []byte("is in use")) {
				t.Errorf("a second process on one file: %v", err)
			}
		}
		for n := range rand.IntN(15) {
			m := o.mint(fmt.Sprint("ci ", round, " ", n))
			all[m.Token.ID] = m
			if n%2 == 0 {
				o.revoke(m)
				gone[m.Token.ID] = true
			}
		}
		p.kill()
	}
	r.start()
	if at := r.keys.Position().Revision; at > o.at().Revision {
		t.Errorf("at %d of %d", at, o.at().Revision)
	}
	r.catchUp(o)
	for id, m := range all {
		want := "allow"
		if gone[id] {
			want = string(caveats.Revoked)
		}
		r.expect(m.Text, "demo", want)
	}
}

// TestDiskFull lets the store's file grow no more. The verifier says why it lags, allows
// nothing that it knows to be withdrawn, and is whole once there is room again.
func TestDiskFull(t *testing.T) {
	o := newOrigin(t)
	r := newReplica(t, o.url(), o.secretFile("berlin"))
	known, revoked := o.mint("known"), o.mint("revoked")
	o.revoke(revoked)
	r.catchUp(o)
	path := r.path
	r.stop()
	p := startOther(t, job{o.url(), r.remote.SecretFile, path})
	if got := p.ask(known.Text); got.Answer != "allow" {
		t.Fatalf("%+v", got)
	}
	p.ask("full")
	var last tokens.Minted
	got := answered{}
	for n := 0; got.Err == "" && n < 2000; n++ {
		last = o.mint(fmt.Sprint("ci ", n))
		if n%100 == 99 {
			got = p.ask(known.Text)
		}
	}
	if got.Err == "" || got.Answer != "allow" {
		t.Fatalf("with a full disk: %+v", got)
	}
	t.Logf("the error is %q", got.Err)
	if got := p.ask(revoked.Text); got.Answer != string(caveats.Revoked) {
		t.Errorf("what it knows to be revoked: %+v", got)
	}
	if got := p.ask(last.Text); got.Answer != unavailable {
		t.Errorf("what it could not write: %+v", got)
	}
	o.revoke(known)
	p.kill()
	r.start() // there is room
	r.catchUp(o)
	r.expect(known.Text, "demo", string(caveats.Revoked))
	r.expect(revoked.Text, "demo", string(caveats.Revoked))
	r.expect(last.Text, "demo", "allow")
}

// TestDamagedFiles flips bytes on every page of a store's file, and truncates it at
// every page. Whatever the verifier then answers, a token that was revoked is not
// allowed, and what can't be read names the remedy.
func TestDamagedFiles(t *testing.T) {
	o := newOrigin(t)
	r := newReplica(t, o.url(), o.secretFile("berlin"))
	kept, revoked := o.mint("kept"), o.mint("revoked")
	for n := range 30 {
		o.mint(fmt.Sprint("ci ", n))
	}
	o.revoke(revoked)
	r.catchUp(o)
	r.stop()
	o.stop()
	good, err := os.ReadFile(r.path)
	o.check(err)
	page, dir := os.Getpagesize(), t.TempDir()
	var tried []string
	seen := map[string]int{}
	try := func(what string, content []byte) {
		t.Helper()
		path := filepath.Join(dir, fmt.Sprint(len(tried))) // a damaged one may stay locked
		tried = append(tried, path)
		o.check(os.WriteFile(path, content, 0o600))
		defer os.Remove(path)
		keys, err := rootkeys.Open(path, rootkeys.Options{Key: key, Timeout: time.Second})
		if err != nil {
			seen["refused"]++
			return
		}
		defer keys.Close()
		cfg := r.cfg
		cfg.Store = keys
		check := verifier.New(replication.New(cfg)) // nobody is there to ask
		for text, was := range map[string]string{kept.Text: "kept", revoked.Text: "revoked"} {
			_, err := check.Verify(t.Context(), text, verifier.Request{Action: caveats.ActionUpload, Project: "demo"})
			var denial *verifier.Denial
			switch {
			case err == nil && was == "revoked":
				t.Fatalf("%s: a revoked token is allowed", what)
			case err == nil:
				seen["allow"]++
			case errors.As(err, &denial):
				seen[string(denial.Reason())]++
			default:
				seen[unavailable]++
				if errors.Is(err, rootkeys.ErrDamaged) && !bytes.Contains([]byte(err.Error()), []byte("move the file away")) {
					t.Errorf("%s: the error does not say what to do: %v", what, err)
				}
			}
		}
	}
	for at := 0; at < len(good); at += page {
		try(fmt.Sprint("truncated at ", at), good[:at])
		for n := range 12 {
			bad := bytes.Clone(good)
			i := at + []int{8, 10, 16, 20, 24, 28, 40}[n%7]
			if n >= 7 {
				i = at + rand.IntN(page)
			}
			bad[i] ^= byte(1 + rand.IntN(255))
			try(fmt.Sprintf("flipped at %d", i), bad)
		}
	}
	if seen["allow"] == 0 || seen[string(caveats.Revoked)] == 0 || seen["refused"]+seen[unavailable] == 0 {
		t.Errorf("%v: the test does not see all", seen)
	}
	t.Log(seen)
}
