package issuer_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/kv/teststore"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/tokens"
)

// crashStore is the environment variable that turns the test binary into a
// process that mints and revokes on the store it names, until it is killed. At the commit
// whose number crashCommit names, from 1, it kills itself.
const (
	crashStore  = "RIND_TEST_CRASH_STORE"
	crashCommit = "RIND_TEST_CRASH_COMMIT"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(crashStore); path != "" {
		fmt.Fprintln(os.Stderr, mintAndRevoke(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// mintAndRevoke acknowledges each step on standard output, a line at a time,
// after it is durable: "minted <text>", "revoked <id>". The first line is "opening".
func mintAndRevoke(path string) error {
	if _, err := fmt.Println("opening"); err != nil {
		return err
	}
	store, err := boltkv.Open(path, boltkv.Options{Timeout: 10 * time.Second})
	if err != nil {
		return err
	}
	key, err := seal.New([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		return err
	}
	mortal := &mortalStore{Store: store}
	s, err := issuer.New(issuer.Config{Store: mortal, Sealer: key, Location: location})
	if err != nil {
		return err
	}
	mortal.left, _ = strconv.Atoi(os.Getenv(crashCommit)) // without the variable it is killed from outside
	for ctx, i := context.Background(), 0; ; i++ {
		m, err := s.Tokens.Mint(ctx, alice, forSome(fmt.Sprintf("ci %d of %d", i, os.Getpid()), "demo"))
		if err != nil {
			return err
		}
		if _, err := fmt.Printf("minted %s\n", m.Text); err != nil {
			return err
		}
		if _, _, err := s.Tokens.Revoke(ctx, alice, m.Token.ID); err != nil {
			return err
		}
		if _, err := fmt.Printf("revoked %s\n", m.Token.ID); err != nil {
			return err
		}
	}
}

// mortalStore kills its process as soon as the last of some changes is durable: nobody is told of that one.
type mortalStore struct {
	kv.Store
	left int // changes; 0 is no end
}

func (m *mortalStore) Update(ctx context.Context, fn func(kv.Tx) error) error {
	err := m.Store.Update(ctx, fn)
	if err != nil || m.left == 0 {
		return err
	}
	m.left--
	if m.left == 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal may take a moment
	}
	return nil
}

// acknowledged is what the killed processes said they had done, by token id.
type acknowledged struct {
	minted  map[string]token.Token
	revoked map[string]bool
	lost    int // changes that became durable and were not acknowledged

	opening time.Duration // how long the last process took to open the store and mint a token
	working time.Duration // how long all of them took for the steps behind that
	steps   int           // how many those were
}

// The moments at which a process is killed.
const (
	inAStep       = iota // a random moment of a step
	unknownToAll         // as soon as a change is durable, before it is acknowledged
	inTheOpening         // a random moment of opening the store
	kindsOfMoment        // how many there are
)

// A process that mints and revokes is killed again and again, until it has done 200 pairs. After
// each kill nothing that it acknowledged is lost, and each change has its audit row and its log entry, those
// that it could not acknowledge too.
func TestKilledAtAnyMoment(t *testing.T) {
	teststore.NeedsFile(t)
	h := newHouse(t)
	h.Project(alice, "demo")
	ack := &acknowledged{minted: map[string]token.Token{}, revoked: map[string]bool{}}
	kills := 0
	for ; len(ack.revoked) < 200 || kills < 40; kills++ {
		if kills == 2000 {
			t.Fatalf("%d pairs after %d kills", len(ack.revoked), kills)
		}
		h.Check(h.Store.Close())
		moment, lost := kills%kindsOfMoment, ack.lost
		ack.killOne(t, h.Path, moment)
		h.Open()
		h.audited(ack, kills+1)
		if moment == unknownToAll && ack.lost != lost+1 {
			t.Errorf("a process that was killed at a commit left %d changes that it did not acknowledge, not one", ack.lost-lost)
		}
		if t.Failed() {
			t.Fatalf("after kill %d", kills+1)
		}
	}
	t.Logf("%d kills; %d tokens minted, %d revoked; %d changes were durable and not acknowledged", kills, len(ack.minted), len(ack.revoked), ack.lost)
}

// longestLife is the most steps that a process acknowledges before it is killed.
const longestLife = 30

// killOne runs a process and kills it at a moment of some kind, behind one of its first steps or while it opens the
// store. How long a step takes is what those before took, so that a busy machine needs no more kills than a quiet one.
func (ack *acknowledged) killOne(t *testing.T, path string, moment int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd, life := exec.Command(self), 2+rand.IntN(longestLife-1)
	cmd.Env = append(os.Environ(), crashStore+"="+path)
	if moment == unknownToAll {
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", crashCommit, life))
	}
	var trouble strings.Builder
	cmd.Stderr = &trouble
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, last := bufio.NewReader(out), time.Now()
	within := func(step time.Duration) {
		time.AfterFunc(time.Duration(rand.Int64N(int64(step+step/4)+1)), func() { cmd.Process.Kill() })
	}
	for n := 0; ; n++ {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // what has no end was not acknowledged
		}
		step := time.Since(last)
		last = last.Add(step)
		switch {
		case n == 0 && moment == inTheOpening:
			within(ack.opening)
		case n == 1:
			ack.opening = step
		case n > 1:
			ack.working, ack.steps = ack.working+step, ack.steps+1
		}
		if n == life && moment == inAStep {
			within(ack.working / time.Duration(ack.steps))
		}
		ack.add(t, strings.TrimSuffix(line, "\n"))
	}
	cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the process ended by itself: %s %s", cmd.ProcessState, trouble.String())
	}
}

func (ack *acknowledged) add(t *testing.T, line string) {
	t.Helper()
	verb, what, _ := strings.Cut(line, " ")
	switch verb {
	case "opening":
	case "minted":
		tok, err := token.Parse(what)
		if err != nil {
			t.Fatalf("the process printed no token: %v", err)
		}
		ack.minted[tok.ID] = tok
	case "revoked":
		ack.revoked[what] = true
	default:
		t.Fatalf("the process printed a line that begins with %q", verb)
	}
}

// audited holds the store against what was acknowledged, and against itself.
func (h *house) audited(ack *acknowledged, kills int) {
	h.Helper()
	tokenList := h.fed()
	revoked := 0
	for _, tok := range tokenList {
		if !tok.RevokedAt.IsZero() {
			revoked++
		}
	}
	for id, want := range ack.minted {
		if got, ok := tokenList[id]; !ok || [32]byte(got.Signature) != want.Signature {
			h.Errorf("the acknowledged token %s is lost", id)
		}
	}
	for id := range ack.revoked {
		if tokenList[id].RevokedAt.IsZero() {
			h.Errorf("the acknowledged revocation of %s is lost", id)
		}
	}
	// A process can have one change durable that it had not acknowledged.
	ack.lost = len(tokenList) - len(ack.minted) + revoked - len(ack.revoked)
	if ack.lost < 0 || ack.lost > kills {
		h.Errorf("%d changes were not acknowledged, of %d killed processes", ack.lost, kills)
	}
	page, err := h.Tokens.List(h.Context(), aliceID, tokens.Page{})
	if err != nil || page.Total != len(tokenList) || page.Unrevoked != len(tokenList)-revoked {
		h.Errorf("the list counts %d and %d tokens, there are %d and %d (%v)", page.Total, page.Unrevoked, len(tokenList), len(tokenList)-revoked, err)
	}
	h.matched(tokenList)
}

// fed reads all tokens out of the feed.
func (h *house) fed() map[string]*feed.Token {
	h.Helper()
	tokens := map[string]*feed.Token{}
	for after := uint64(0); ; {
		sets, err := h.Changes(h.Context(), after, 0)
		h.Check(err)
		if len(sets) == 0 {
			if last := h.Revision(); after != last {
				h.Errorf("the feed ends at %d, the store stands at %d", after, last)
			}
			return tokens
		}
		for _, set := range sets {
			after = set.Revision
			for _, c := range set.Changes {
				if c.Token != nil {
					tokens[c.Token.ID] = c.Token
				}
			}
		}
	}
}

// matched sees that each change has exactly its audit rows and its log entry, and
// that no row and no entry is there without its change.
func (h *house) matched(tokens map[string]*feed.Token) {
	h.Helper()
	got, want := map[string]int{}, map[string]int{"project.created": 1, "log user": 4, "log project": 1}
	for id, tok := range tokens {
		for _, kind := range []string{"token.minted ", "project.token_minted ", "log token "} {
			want[kind+id]++
		}
		if !tok.RevokedAt.IsZero() {
			for _, kind := range []string{"token.revoked ", "project.token_revoked ", "log token "} {
				want[kind+id]++
			}
		}
	}
	labels := 0
	h.Check(h.Store.View(h.Context(), func(r kv.Reader) error {
		written, err := readTrail(r)
		if err != nil {
			return err
		}
		for i, e := range written.Rows {
			if e.Seq != uint64(i)+1 {
				h.Errorf("audit row %d has the number %d", i+1, e.Seq)
			}
			got[rowName(e)]++
		}
		for _, e := range written.Log {
			for _, f := range e.Refs {
				if f.Kind == "token" {
					got["log token "+f.ID]++
				} else {
					got["log "+f.Kind]++
				}
			}
		}
		pairs, err := r.Scan([]byte("issuer/label/"+aliceID+"/"), nil, 0, false)
		labels = len(pairs)
		return err
	}))
	for what, n := range want {
		if got[what] != n {
			h.Errorf("%s is written down %d times, not %d", what, got[what], n)
		}
		delete(got, what)
	}
	for what := range got {
		h.Errorf("%s is written down, and did not happen", what)
	}
	if active := len(tokens) - countRevoked(tokens); labels != active {
		h.Errorf("%d labels are taken by %d tokens", labels, active)
	}
}

func countRevoked(tokens map[string]*feed.Token) (n int) {
	for _, tok := range tokens {
		if !tok.RevokedAt.IsZero() {
			n++
		}
	}
	return n
}

func rowName(e audit.Event) string {
	if id := e.Detail["token"]; id != "" {
		return e.Kind + " " + id
	}
	return e.Kind
}
