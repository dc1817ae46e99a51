package policy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/gateway"
	"github.com/rind-dev/rind/verifier/gateway/policy"
	"github.com/rind-dev/rind/verifier/gateway/policy/ledger"
)

const day = 24 * time.Hour

var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// index is a Backend in memory that lists what it has. It states sizes and times only with states.
type index struct {
	mu     sync.Mutex
	files  map[string]gateway.Known
	bytes  map[string]string
	now    func() time.Time
	states bool
	err    error // of a Commit, which stores nothing
	lost   error // of a Commit, which stores the file
	during func()
}

func newIndex() *index {
	return &index{files: map[string]gateway.Known{}, bytes: map[string]string{}}
}

func (x *index) Reserve(context.Context, gateway.Upload) (gateway.Staged, error) {
	return &stagedFile{x: x}, nil
}

func (x *index) Known(context.Context, string) (all []gateway.Known, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, k := range x.files {
		if !x.states {
			k.Size, k.Uploaded = 0, time.Time{}
		}
		all = append(all, k)
	}
	return all, nil
}

type stagedFile struct {
	io.ReaderAt
	x    *index
	text strings.Builder
	over bool
}

func (s *stagedFile) Write(b []byte) (int, error) { return s.text.Write(b) }
func (s *stagedFile) Discard()                    { s.over = true }

func (s *stagedFile) Commit(_ context.Context, up gateway.Upload) (bool, error) {
	x := s.x
	x.mu.Lock()
	during := x.during
	x.mu.Unlock()
	if during != nil {
		during()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	s.over = true
	if x.err != nil {
		return false, x.err
	}
	if had, is := x.bytes[up.Filename]; is {
		if had != s.text.String() {
			return false, gateway.Exists(up.Filename, up.Filename)
		}
		return true, nil
	}
	x.files[up.Filename] = gateway.Known{Name: up.Filename, Size: up.Size, Uploaded: x.now()}
	x.bytes[up.Filename] = s.text.String()
	return false, x.lost
}

// house is a Policy over an index, with a ledger in a file.
type house struct {
	*testing.T
	*index
	at     time.Time
	path   string
	ledger *ledger.Ledger
	policy gateway.Backend
	rules  policy.Rules
}

func newHouse(t *testing.T, rules ...policy.Rule) *house {
	h := &house{T: t, index: newIndex(), at: noon, path: filepath.Join(t.TempDir(), "ledger.db"), rules: rules}
	h.now = func() time.Time { return h.at }
	h.open(h.path)
	t.Cleanup(func() { h.ledger.Close() })
	return h
}

// open opens a ledger, as a new process does.
func (h *house) open(path string) {
	h.Helper()
	if h.ledger != nil {
		h.ledger.Close()
	}
	var err error
	h.ledger, err = ledger.Open(path, false)
	if err == nil {
		h.policy, err = policy.New(policy.Config{Backend: h.index, Rules: h.rules, Ledger: h.ledger, Index: "x", Now: h.now})
	}
	if err != nil {
		h.Fatal(err)
	}
}

// upload uploads a file, as ada, and returns "kept", "repeated", or why not.
func (h *house) upload(version, name, content string) string {
	return h.uploadAs("ada", version, name, content)
}

func (h *house) uploadAs(user, version, name, content string) string {
	h.Helper()
	project, _, _ := strings.Cut(name, "-")
	up := gateway.Upload{Project: project, Version: version, Filename: name, UserID: "id-" + user, UserName: user, TokenID: "t"}
	s, err := h.policy.Reserve(context.Background(), up)
	if err != nil {
		return said(err)
	}
	if _, err := s.Write([]byte(content)); err != nil {
		s.Discard()
		return said(err)
	}
	up.Size = int64(len(content))
	repeated, err := s.Commit(context.Background(), up)
	switch {
	case err != nil:
		return said(err)
	case repeated:
		return "repeated"
	}
	return "kept"
}

func said(err error) string {
	var refusal *gateway.Refusal
	var denial *verifier.Denial
	switch {
	case errors.As(err, &refusal):
		return fmt.Sprint(refusal.Status, " ", refusal.Reason)
	case errors.As(err, &denial):
		return "403 " + denial.Message()
	}
	return err.Error()
}

func (h *house) want(got, want string) {
	h.Helper()
	if !strings.HasPrefix(got, want) {
		h.Errorf("got %q, want %q", got, want)
	}
}

func ptr[T any](v T) *T { return &v }

func closing(projects ...string) policy.Rule {
	return policy.Rule{Projects: projects, Closes: ptr(14 * day)}
}

func wheel(version, tag string) string { return "demo-" + version + "-py3-none-" + tag + ".whl" }

func TestAReleaseCloses(t *testing.T) {
	h := newHouse(t, closing("*"))
	h.want(h.upload("1.0", wheel("1.0", "any"), "a"), "kept")
	h.at = noon.Add(14*day - time.Second)
	h.want(h.upload("1.0", wheel("1.0", "win32"), "b"), "kept")
	h.at = noon.Add(14 * day)
	const closed = "400 Release 1.0 of project 'demo' is closed: its first file was uploaded on 2026-08-01, and releases close 14 days after that. Upload a new version."
	h.want(h.upload("1.0", wheel("1.0", "linux"), "c"), closed)
	h.want(h.upload("1.0", "demo-1.0.0-py3-none-linux.whl", "c"), closed) // another spelling of the version
	h.want(h.upload("1.0", wheel("1.0", "any"), "a"), "repeated")
	h.want(h.upload("1.0", wheel("1.0", "any"), "other"), "400 File already exists")
	h.want(h.upload("1.1", wheel("1.1", "any"), "a"), "kept")
	h.open(h.path)
	h.want(h.upload("1.0", wheel("1.0", "linux"), "c"), closed)

	// What is deleted at the index opens nothing: not even where it is uploaded again.
	delete(h.files, wheel("1.0", "any"))
	delete(h.bytes, wheel("1.0", "any"))
	delete(h.files, wheel("1.0", "win32"))
	h.want(h.upload("1.0", wheel("1.0", "any"), "evil"), closed)
	h.at = noon.Add(-day) // a clock that went back
	h.want(h.upload("1.0", wheel("1.0", "linux"), "c"), "kept")
}

// TestTheLedgerIsLost: no release opens because a file was lost, and none that the index knows the age of is closed by that.
func TestTheLedgerIsLost(t *testing.T) {
	for _, states := range []bool{false, true} {
		h := newHouse(t, closing("*"), policy.Rule{Projects: []string{"*"}, MaxProject: ptr(int64(5))})
		h.states = states
		h.want(h.upload("1.0", wheel("1.0", "any"), "abcd"), "kept")
		h.at = noon.Add(15 * day)
		h.open(filepath.Join(t.TempDir(), "new.db"))
		want := "400 Release 1.0 of project 'demo' is closed: nobody knows how long it has had the file 'demo-1.0-py3-none-any.whl'"
		if states {
			want = "400 Release 1.0 of project 'demo' is closed: its first file was uploaded on 2026-08-01"
			h.want(h.upload("1.1", wheel("1.1", "any"), "ab"), "413 Project size too large. Limit for project 'demo' total size is 5 bytes.")
		}
		h.want(h.upload("1.0", wheel("1.0", "linux"), "e"), want)
		h.want(h.upload("1.0", wheel("1.0", "any"), "abcd"), "repeated")
		h.want(h.upload("1.0", wheel("1.0", "linux"), "e"), want) // a file that is repeated is not a new one
		h.at = noon.Add(day)
		if states {
			h.want(h.upload("1.0", wheel("1.0", "linux"), "e"), "kept")
		}
	}
}

// TestKilledBeforeTheLedgerKnows is what a new process finds where the one before ended between the index's answer, or
// before it, and the ledger's second write.
func TestKilledBeforeTheLedgerKnows(t *testing.T) {
	for _, arrived := range []bool{true, false} {
		h := newHouse(t, policy.Rule{Projects: []string{"*"}, Closes: ptr(14 * day), MaxProject: ptr(int64(5))})
		left := filepath.Join(t.TempDir(), "left.db")
		h.during = func() {
			b, err := os.ReadFile(h.path)
			if err == nil {
				err = os.WriteFile(left, b, 0o600)
			}
			if err != nil {
				t.Error(err)
			}
		}
		if !arrived {
			h.err = &gateway.Refusal{Status: 400, Reason: "no"}
		}
		h.upload("1.0", wheel("1.0", "any"), "abcd")
		h.err, h.during = nil, nil
		h.open(left)
		h.at = noon.Add(20 * day)
		if !arrived {
			h.want(h.upload("1.0", wheel("1.0", "linux"), "abcde"), "kept")
			continue
		}
		h.want(h.upload("1.1", wheel("1.1", "any"), "ab"), "413 Project size too large")
		h.want(h.upload("1.0", wheel("1.0", "linux"), "a"), "400 Release 1.0 of project 'demo' is closed: its first file was uploaded on 2026-08-01")
		h.want(h.upload("1.0", wheel("1.0", "any"), "abcd"), "repeated")
	}
}

func TestAnAnswerIsLost(t *testing.T) {
	h := newHouse(t, policy.Rule{Projects: []string{"*"}, Closes: ptr(14 * day), MaxProject: ptr(int64(5))})
	h.lost = &gateway.Refusal{Status: 503, Reason: "gone"} // the index has it, and nobody heard that
	h.want(h.upload("1.0", wheel("1.0", "any"), "abcd"), "503 gone")
	h.lost = nil
	h.want(h.upload("1.1", wheel("1.1", "any"), "ab"), "413")
	h.at = noon.Add(14 * day)
	h.want(h.upload("1.0", wheel("1.0", "linux"), "a"), "400 Release 1.0 of project 'demo' is closed")
	h.err = errors.New("not there")
	h.want(h.upload("2.0", wheel("2.0", "any"), "a"), "not there")
	h.err = nil
	h.at = noon.Add(100 * day)
	h.want(h.upload("2.0", wheel("2.0", "linux"), "a"), "kept") // what never arrived began no release
}

func TestSizes(t *testing.T) {
	h := newHouse(t,
		policy.Rule{Projects: []string{"big-*"}, MaxFile: ptr(int64(0))},
		policy.Rule{Projects: []string{"*"}, MaxFile: ptr(int64(4)), MaxProject: ptr(int64(10))})
	h.want(h.upload("1.0", wheel("1.0", "any"), "abcde"), "413 File too large. Limit for project 'demo' is 4 bytes.")
	h.want(h.upload("1.0", wheel("1.0", "any"), "abcd"), "kept")
	h.want(h.upload("1.1", wheel("1.1", "any"), "abcd"), "kept")
	h.want(h.upload("1.2", wheel("1.2", "any"), "abc"), "413 Project size too large. Limit for project 'demo' total size is 10 bytes.")
	h.want(h.upload("1.2", wheel("1.2", "any"), "ab"), "kept")
	h.want(h.upload("1.2", wheel("1.2", "any"), "ab"), "repeated")
	delete(h.files, wheel("1.1", "any")) // deleted at the index: there is room again
	delete(h.bytes, wheel("1.1", "any"))
	h.want(h.upload("1.3", wheel("1.3", "any"), "abcd"), "kept")
}

// TestTwoAtOnce: of many files that would fill a project together, no more are taken than fit, and two first files begin
// one release.
func TestTwoAtOnce(t *testing.T) {
	h := newHouse(t, policy.Rule{Projects: []string{"*"}, Closes: ptr(14 * day), MaxProject: ptr(int64(8))})
	var inside sync.WaitGroup
	inside.Add(2)
	h.during = func() { inside.Done(); inside.Wait() } // two are at the index at the same moment
	got := make([]string, 2)
	var all sync.WaitGroup
	for n := range got {
		all.Go(func() { got[n] = h.upload("1.0", wheel("1.0", fmt.Sprint("t", n)), "abcd") })
	}
	all.Wait()
	h.during = nil
	if got[0] != "kept" || got[1] != "kept" {
		t.Error(got)
	}
	var mu sync.Mutex
	refused := map[string]int{}
	h.files, h.bytes = map[string]gateway.Known{}, map[string]string{}
	h.open(filepath.Join(t.TempDir(), "second.db"))
	for n := range 8 {
		all.Go(func() {
			said := h.upload("2.0", wheel("2.0", fmt.Sprint("t", n)), "abc")
			mu.Lock()
			defer mu.Unlock()
			refused[strings.Fields(said)[0]]++
		})
	}
	all.Wait()
	if refused["kept"] != 2 || refused["413"] != 6 {
		t.Error(refused)
	}
	for n := range 8 { // one file, with several contents: one is kept, and counted once
		all.Go(func() { h.upload("2.0", wheel("2.0", "any"), fmt.Sprint(n)) })
	}
	all.Wait()
	h.want(h.upload("3.0", wheel("3.0", "any"), "x"), "kept")
	h.want(h.upload("3.0", wheel("3.0", "linux"), "x"), "413")
}

func TestWheelsAndUsers(t *testing.T) {
	h := newHouse(t,
		policy.Rule{Projects: []string{"acme*"}, Users: []string{"bob", "id-carol"}},
		policy.Rule{Projects: []string{"old"}, WheelsOnly: ptr(false)},
		policy.Rule{Projects: []string{"*"}, WheelsOnly: ptr(true)})
	h.want(h.upload("1.0", "demo-1.0.tar.gz", "a"), "400 This index takes only wheels of project 'demo', and the file 'demo-1.0.tar.gz' is a source distribution")
	h.want(h.upload("1.0", wheel("1.0", "any"), "a"), "kept")
	h.want(h.upload("1.0", "old-1.0.tar.gz", "a"), "kept")
	h.want(h.upload("1.0", "acme-1.0-py3-none-any.whl", "a"), "403 user 'ada' may not upload to project 'acme' here: the operators of this index name who may")
	h.want(h.uploadAs("bob", "1.0", "acme-1.0-py3-none-any.whl", "a"), "kept")
	h.want(h.uploadAs("carol", "1.0", "acme2-1.0-py3-none-any.whl", "a"), "kept")
	h.want(h.uploadAs("", "1.0", "acme3-1.0-py3-none-any.whl", "a"), "policy: it is not known who uploads")
}

// TestCheckBeforeARegistration: a first upload that the rules would refuse whatever is there is refused before its project gets a name.
func TestCheckBeforeARegistration(t *testing.T) {
	h := newHouse(t, policy.Rule{Projects: []string{"old"}, WheelsOnly: ptr(true), MaxFile: ptr(int64(4))},
		policy.Rule{Projects: []string{"*"}, MaxProject: ptr(int64(5))})
	for _, c := range []struct {
		project, name string
		size          int64
		want          string
	}{
		{"demo", "demo-1.0.tar.gz", 5, "none"},
		{"demo", "demo-1.0.tar.gz", 6, "413 Project size too large. Limit for project 'demo' total size is 5 bytes."},
		{"old", wheel("1.0", "any"), 5, "413 File too large. Limit for project 'old' is 4 bytes."},
		{"old", "old-1.0.tar.gz", 1, "400 This index takes only wheels"},
	} {
		s, err := h.policy.Reserve(context.Background(), gateway.Upload{Filename: c.name})
		if err != nil {
			t.Fatal(err)
		}
		got := "none"
		if err := s.(gateway.Prechecked).Check(gateway.Upload{Project: c.project, Version: "1.0", Filename: c.name, Size: c.size}); err != nil {
			got = said(err)
		}
		h.want(got, c.want)
		s.Discard()
	}
	h.want(h.upload("1.0", "demo-1.0.tar.gz", "123456"), "413 Project size too large. Limit for project 'demo' total size is 5 bytes.")

	// A file that is there is not new: the operator lowers the limit afterwards.
	h.want(h.upload("1.0", "demo-1.0.tar.gz", "12345"), "kept")
	h.rules = policy.Rules{{Projects: []string{"*"}, MaxProject: ptr(int64(4))}}
	h.open(h.path)
	h.want(h.upload("1.0", "demo-1.0.tar.gz", "12345"), "repeated")
	h.want(h.upload("1.0", "demo-1.0.tar.gz", "54321"), "400 ")
}

func TestRulesThatAreWrong(t *testing.T) {
	for _, r := range []policy.Rule{
		{}, {Projects: []string{"Demo"}}, {Projects: []string{""}}, {Projects: []string{"a*b"}}, {Projects: []string{"a_b"}}, {Projects: []string{"demo"}, Users: []string{}},
	} {
		if r.Check() == nil {
			t.Errorf("%+v was taken", r)
		}
	}
	if _, err := policy.New(policy.Config{Backend: newIndex(), Rules: policy.Rules{closing("*")}}); err == nil {
		t.Error("rules that count were taken without a ledger")
	}
}
