package replication_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier/replication"
)

const scriptIssuer = "00000000-0000-4000-8000-000000000001"

func position(revision uint64) feed.Position {
	return feed.Position{Issuer: scriptIssuer, Epoch: 1, Revision: revision}
}

func positionFrame(revision uint64) feed.Frame {
	at := position(revision)
	return feed.Frame{Position: &at, Time: time.Now()}
}

func endFrame(revision uint64, count int) feed.Frame {
	f := positionFrame(revision)
	f.End, f.Count = true, count
	return f
}

func setFrame(revision uint64, changes ...feed.Change) feed.Frame {
	return feed.Frame{Set: &feed.ChangeSet{Revision: revision, Changes: changes}}
}

// script is an issuer's side of the feed that says what a test wants. A stream says one
// part after the other, each once it was let; nil parts answer 410.
type script struct {
	mu       sync.Mutex
	head     feed.Position
	snapshot []feed.Frame
	stream   []feed.Frame
	gone     bool // 410 in place of a stream
	more     []feed.Frame
	let      chan struct{} // closed: more is said too
	cut      chan struct{} // closed: streams end
}

func newScript() *script {
	return &script{let: make(chan struct{}), cut: make(chan struct{})}
}

// set changes what is said to whoever connects next.
func (s *script) set(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	head, snapshot, stream, gone, more, let, cut := s.head, s.snapshot, s.stream, s.gone, s.more, s.let, s.cut
	s.mu.Unlock()
	say := func(frames []feed.Frame) {
		for _, f := range frames {
			_ = feed.WriteFrame(w, f)
		}
		_ = http.NewResponseController(w).Flush()
	}
	switch {
	case r.URL.Path == feed.PathSnapshot:
		say(snapshot)
	case r.URL.Path == feed.PathReport:
		w.Header().Set(feed.PositionHeader, head.String())
		w.WriteHeader(http.StatusNoContent)
	case gone && !strings.Contains(r.URL.RawQuery, "after=8"):
		http.Error(w, "gone", http.StatusGone)
	default:
		say(stream)
		select {
		case <-let:
			say(more)
		case <-cut:
			return
		case <-r.Context().Done():
			return
		}
		select {
		case <-cut:
		case <-r.Context().Done():
		}
	}
}

// replica is a verifier that follows the script.
func (s *script) replica(t *testing.T, change ...func(*replica)) *replica {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("rindv_x"), 0o600); err != nil {
		t.Fatal(err)
	}
	return newReplica(t, serveHTTP(t, s), secret, change...)
}

var (
	scriptUser    = feed.Change{User: &feed.User{ID: alice.UserID, Name: "alice"}}
	scriptFrozen  = feed.Change{User: &feed.User{ID: alice.UserID, Name: "alice", Frozen: true}}
	scriptProject = feed.Change{Project: &feed.Project{
		ID: "00000000-0000-4000-8000-0000000000bb", Name: "demo", Members: map[string]string{alice.UserID: "owner"},
	}}
)

// scriptToken is a token of alice's, and its text.
func scriptToken(t *testing.T) (feed.Change, string) {
	t.Helper()
	m, err := token.Mint(make([]byte, 32), "01900000-0000-7000-8000-000000000000", "packages.example.org", [][]byte{caveats.User(alice.UserID).Append(nil)})
	if err != nil {
		t.Fatal(err)
	}
	text, err := m.Text()
	if err != nil {
		t.Fatal(err)
	}
	return feed.Change{Token: &feed.Token{ID: m.ID, UserID: alice.UserID, Location: m.Location, Caveats: m.Caveats, Signature: m.Signature[:]}}, text
}

// TestSnapshotIsUsedWhole sends a snapshot whose records are of several moments, as
// they are where the issuer goes on meanwhile: Alice was frozen, and then got a project,
// and the snapshot has but the second. At no moment could she upload to it. The verifier
// answers from what it had before until it has all that makes the records fit together.
func TestSnapshotIsUsedWhole(t *testing.T) {
	issued, text := scriptToken(t)
	s := newScript()
	s.head = position(7)
	s.snapshot = []feed.Frame{positionFrame(7), {Records: []feed.Change{scriptUser, issued}}, endFrame(7, 2)}
	s.stream = []feed.Frame{positionFrame(7)}
	r := s.replica(t, func(r *replica) {
		r.before = func(f *replication.Follower) {
			replication.Hasten(f)
			replication.SetConfirm(f, 10*time.Millisecond)
		}
	})
	r.expectSoon(text, "demo", string(caveats.NotAMember))
	first := s.cut
	s.set(func() {
		s.gone, s.head, s.cut = true, position(10), make(chan struct{})
		s.snapshot = []feed.Frame{positionFrame(8), {Records: []feed.Change{scriptUser, scriptProject, issued}}, endFrame(8, 3)}
		s.stream = []feed.Frame{positionFrame(10)}
		s.more = []feed.Frame{setFrame(9, scriptFrozen), setFrame(10, scriptProject)}
	})
	close(first)
	r.eventually("the snapshot is there", func() bool { return r.Status().Head == 10 })
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if got := r.answer(text, "demo"); got != string(caveats.NotAMember) {
			t.Fatalf("a snapshot that does not fit together is used: %s", got)
		}
	}
	close(s.let)
	r.expectSoon(text, "demo", string(caveats.UserFrozen))
	r.eventually("the store is at 10", func() bool { return r.keys.Position() == position(10) })
}

// TestStreamsThatMakeNoSense sends, behind a good beginning, what no issuer sends. The
// store stays where it was, and the follower says what is wrong.
func TestStreamsThatMakeNoSense(t *testing.T) {
	other, later := position(9), position(9)
	other.Issuer = "00000000-0000-4000-8000-000000000002"
	later.Epoch = 2
	issued, text := scriptToken(t)
	for name, c := range map[string][]feed.Frame{
		"another issuer":        {{Position: &other}},
		"another epoch":         {{Position: &later}},
		"an older revision":     {positionFrame(6)},
		"a gap":                 {setFrame(9, scriptFrozen)},
		"a change of nothing":   {setFrame(8, feed.Change{})},
		"a record of two kinds": {setFrame(8, feed.Change{User: scriptUser.User, Token: issued.Token})},
		"records":               {{Records: []feed.Change{scriptFrozen}}},
		"an end":                {{End: true}},
		"nothing":               {{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript()
			s.head = position(7)
			s.snapshot = []feed.Frame{positionFrame(7), {Records: []feed.Change{scriptUser, scriptProject, issued}}, endFrame(7, 3)}
			s.stream, s.more = []feed.Frame{positionFrame(7)}, c
			r := s.replica(t)
			r.expectSoon(text, "demo", "allow")
			close(s.let)
			r.eventually("it is refused", func() bool { return r.Err() != nil })
			if err := r.Err(); strings.Contains(err.Error(), "may be dead") {
				t.Errorf("not noticed: %v", err)
			}
			if r.keys.Position() != position(7) {
				t.Errorf("at %s", r.keys.Position())
			}
			r.expect(text, "demo", "allow")
		})
	}
}
