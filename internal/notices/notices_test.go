package notices_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/kvtest"
	"github.com/rind-dev/rind/internal/kv/teststore"
	"github.com/rind-dev/rind/internal/notices"
)

var start = time.Date(2026, time.November, 22, 5, 0, 0, 0, time.UTC)

// post is an Outbox on a real store, with what was sent from it.
type post struct {
	*testing.T
	*notices.Outbox
	store kv.Store
	path  string
	now   time.Time
	fail  error
	sent  []notices.Batch
}

func newPost(t *testing.T) *post {
	p := &post{T: t, path: filepath.Join(t.TempDir(), "rind.db"), now: start}
	p.open()
	t.Cleanup(func() { p.must(p.store.Close()) })
	return p
}

func (p *post) open() {
	var err error
	p.store, err = teststore.Open(p.T, p.path)
	p.must(err)
	p.store = kvtest.Again(p.store)
	p.Outbox = notices.New(p.store, func() time.Time { return p.now }, nil)
}

func (p *post) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *post) put(user string, kind notices.Kind, labels ...string) {
	p.Helper()
	p.must(p.store.Update(p.Context(), func(tx kv.Tx) error {
		for _, l := range labels {
			n := notices.Notice{Kind: kind, User: user, At: p.now, Details: notices.Details{Label: l}}
			if err := p.Put(tx, n); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (p *post) deliver(_ context.Context, b notices.Batch) (func(kv.Tx) error, error) {
	if errors.Is(p.fail, notices.ErrRefused) {
		return nil, p.fail
	}
	return func(tx kv.Tx) error {
		if p.fail == nil {
			tx.OnCommit(func() { p.sent = append(p.sent, b) })
		}
		return p.fail
	}, nil
}

// pass sends what is due, and returns what was sent and how long to wait.
func (p *post) pass() (sent string, wait time.Duration) {
	p.Helper()
	p.sent = nil
	next, err := p.Pass(p.Context(), p.deliver)
	p.must(err)
	var out []string
	for _, b := range p.sent {
		var labels []string
		for _, n := range b.Notices {
			labels = append(labels, n.Details.Label)
		}
		s := fmt.Sprintf("%s %s: %s", b.User, b.Kind, strings.Join(labels, " "))
		if b.More > 0 {
			s += fmt.Sprintf(" +%d", b.More)
		}
		out = append(out, s)
	}
	if !next.IsZero() {
		wait = next.Sub(p.now)
	}
	return strings.Join(out, "; "), wait
}

// records is how many records the store holds.
func (p *post) records() (n int) {
	p.Helper()
	p.must(p.store.View(p.Context(), func(r kv.Reader) error {
		pairs, err := r.Scan([]byte("notices/out/"), nil, 0, false)
		n = len(pairs)
		return err
	}))
	return n
}

func (p *post) want(sent string, wait time.Duration) {
	p.Helper()
	if got, next := p.pass(); got != sent || next != wait {
		p.Fatalf("sent %q and waits %s, want %q and %s", got, next, sent, wait)
	}
}

// A flood becomes few mails, holds up no other kind and nobody else, and leaves
// nothing behind.
func TestFloodsAreFewMails(t *testing.T) {
	p := newPost(t)
	p.put("ada", notices.TokenMinted, "1")
	p.put("ada", notices.TokenMinted, "2")
	p.want("ada token_minted: 1; ada token_minted: 2", 10*time.Minute)
	p.now = p.now.Add(time.Minute)
	for i := 3; i <= 30; i++ {
		p.put("ada", notices.TokenMinted, fmt.Sprint(i))
	}
	p.put("ada", notices.KeyRemoved, "key")
	p.put("bob", notices.TokenMinted, "b")
	p.want("ada key_removed: key; ada token_minted: 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 +8; bob token_minted: b", 10*time.Minute)
	p.put("ada", notices.TokenMinted, "31")
	p.want("", 9*time.Minute) // since the first of three
	p.now = p.now.Add(9 * time.Minute)
	p.want("ada token_minted: 31", time.Minute)
	p.now = p.now.Add(time.Hour)
	p.want("", 0)
	if p.records() != 0 {
		t.Errorf("%d records are left", p.records())
	}
	p.put("ada", notices.TokenMinted, "1", "2", "3", "4") // at once: one mail
	p.want("ada token_minted: 1 2 3 4", 10*time.Minute)
}

// What waits survives a restart, is tried until it is sent, and sent once.
func TestRetriesAndRestarts(t *testing.T) {
	p := newPost(t)
	p.fail = notices.ErrLater
	p.put("ada", notices.TokenLeaked, "x")
	p.want("", 5*time.Second)
	p.want("", 5*time.Second) // not before
	p.now = p.now.Add(5 * time.Second)
	p.want("", 30*time.Second)
	p.must(p.store.Close())
	p.open()
	p.fail = nil
	p.want("", 30*time.Second)
	p.put("ada", notices.TokenLeaked, "y")
	p.now = p.now.Add(30 * time.Second)
	p.want("ada token_leaked: x; ada token_leaked: y", 10*time.Minute)
	p.must(p.store.Close())
	p.open()
	p.want("", 10*time.Minute)
}

func TestWhatIsGivenUp(t *testing.T) {
	p := newPost(t)
	p.fail = fmt.Errorf("%w: no such kind", notices.ErrRefused)
	p.put("ada", notices.TokenLeaked, "x")
	p.want("", 0)
	p.fail = notices.ErrLater
	p.put("ada", notices.TokenLeaked, "y")
	tries := 0
	for p.now.Before(start.Add(73 * time.Hour)) {
		_, wait := p.pass()
		tries++
		if wait == 0 {
			break
		}
		p.now = p.now.Add(wait)
	}
	if p.records() != 0 || tries < 70 || tries > 80 || p.now.Sub(start) < 72*time.Hour {
		t.Errorf("after %d attempts in %s there are %d records", tries, p.now.Sub(start), p.records())
	}
}

// What happens while a mail is sent is told by the next one, also where so much
// waited that it was only counted.
func TestPutWhileSending(t *testing.T) {
	p := newPost(t)
	for i := range 21 {
		p.put("ada", notices.TokenMinted, fmt.Sprint(i))
	}
	var got []string
	_, err := p.Pass(t.Context(), func(_ context.Context, b notices.Batch) (func(kv.Tx) error, error) {
		if len(got) == 0 {
			p.put("ada", notices.TokenMinted, "late")
		}
		got = append(got, fmt.Sprint(len(b.Notices), "+", b.More))
		return nil, nil
	})
	p.must(err)
	if strings.Join(got, " ") != "20+1 0+1" {
		t.Errorf("the mails told %q", got)
	}
}

// A change that is undone tells nothing, and what can't be told undoes its change.
func TestPutIsPartOfItsChange(t *testing.T) {
	p := newPost(t)
	failed := errors.New("no")
	err := p.store.Update(t.Context(), func(tx kv.Tx) error {
		p.must(p.Put(tx, notices.Notice{Kind: notices.TokenMinted, User: "ada", At: start}))
		return failed
	})
	p.want("", 0)
	if !errors.Is(err, failed) {
		t.Error(err)
	}
	for _, n := range []notices.Notice{
		{Kind: "nothing", User: "ada", At: start},
		{Kind: notices.TokenMinted, At: start},
		{Kind: notices.TokenMinted, User: "a/b", At: start},
		{Kind: notices.TokenMinted, User: "ada"},
	} {
		if err := p.store.Update(t.Context(), func(tx kv.Tx) error { return p.Put(tx, n) }); err == nil {
			t.Errorf("%+v was put", n)
		}
	}
	p.put("ada", notices.TokenMinted, strings.Repeat("é", 5000))
	p.pass()
	if len(p.sent[0].Notices[0].Details.Label) != 4096 {
		t.Error("an argument is not cut, or within a character")
	}
}

// Kinds that somebody does not want are not put; those of security always are.
func TestSwitches(t *testing.T) {
	p := newPost(t)
	set := func(off ...notices.Kind) (changed bool) {
		p.must(p.store.Update(t.Context(), func(tx kv.Tx) (err error) {
			changed, err = notices.SetOff(tx, "ada", off)
			return err
		}))
		return changed
	}
	var all []notices.Kind
	for _, i := range notices.Kinds() {
		all = append(all, i.Kind)
	}
	if set() || !set(append(all, "nothing")...) || set(all...) {
		t.Error("a change is not what it says")
	}
	for _, i := range notices.Kinds() {
		p.put("ada", i.Kind, "x")
		p.put("bob", i.Kind, "x")
		got, _ := p.pass()
		want := fmt.Sprintf("bob %s: x", i.Kind)
		if i.Always {
			want = fmt.Sprintf("ada %s: x; %s", i.Kind, want)
		}
		if got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
	}
	set(notices.TokenUnused)
	p.must(p.store.View(t.Context(), func(r kv.Reader) error {
		off, err := notices.Off(r, "ada")
		if len(off) != 1 || off[0] != notices.TokenUnused {
			t.Errorf("off: %q", off)
		}
		return err
	}))
}

// Run sends at once, tries again by itself, and ends with its context.
func TestRun(t *testing.T) {
	teststore.NeedsFile(t) // the clock of the bubble stands still while a server is waited for
	synctest.Test(t, func(t *testing.T) {
		store, err := teststore.Open(t, filepath.Join(t.TempDir(), "rind.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		o := notices.New(store, time.Now, nil)
		tries := make(chan time.Time, 10)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			o.Run(ctx, func(context.Context, notices.Batch) (func(kv.Tx) error, error) {
				tries <- time.Now()
				if len(tries) < 2 {
					return nil, notices.ErrLater
				}
				return nil, nil
			})
		}()
		synctest.Wait()
		begin := time.Now()
		if err := store.Update(ctx, func(tx kv.Tx) error {
			return o.Put(tx, notices.Notice{Kind: notices.Frozen, User: "ada", At: begin})
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // of the test's own time
		cancel()
		<-done
		if len(tries) != 2 || (<-tries).Sub(begin) != 0 || (<-tries).Sub(begin) != 5*time.Second {
			t.Errorf("%d attempts", len(tries))
		}
	})
}

// A batch leaves the store with its mail, or not at all: a queue that fails otherwise than by having no place undoes both.
func TestHandingOverIsOneTransaction(t *testing.T) {
	p := newPost(t)
	p.put("ada", notices.TokenLeaked, "x")
	p.fail = errors.New("the disk is full")
	if _, err := p.Pass(t.Context(), p.deliver); !errors.Is(err, p.fail) {
		t.Errorf("%v", err)
	}
	wrote := false
	_, err := p.Pass(t.Context(), func(context.Context, notices.Batch) (func(kv.Tx) error, error) {
		return func(tx kv.Tx) error {
			wrote = true
			p.must(tx.Put([]byte("mail/out/x"), []byte("half")))
			return p.fail
		}, nil
	})
	if !wrote || !errors.Is(err, p.fail) {
		t.Fatalf("%v", err)
	}
	p.must(p.store.View(t.Context(), func(r kv.Reader) error {
		half, err := kv.Exists(r, "mail/out/x")
		if half {
			t.Error("half of it was written")
		}
		return err
	}))
	p.fail = nil
	p.want("ada token_leaked: x", 10*time.Minute)
}

// However much waits for a person, of whatever size, one more is taken, and told of at least by its number.
func TestMuchThatIsLargeWaits(t *testing.T) {
	p := newPost(t)
	large := strings.Repeat("\x01", 5000) // six bytes each in JSON
	const count = 40
	for range count {
		p.must(p.store.Update(t.Context(), func(tx kv.Tx) error {
			d := notices.Details{
				Key: large, To: large, User: large, From: large, Token: large, Label: large, Network: large, Verifier: large, URL: large, Reason: large,
				Project: large, Role: large, Was: large, Projects: slices.Repeat([]string{large}, 200),
			}
			return p.Put(tx, notices.Notice{Kind: notices.TokenMinted, User: "ada", Agent: large, At: p.now, Details: d})
		}))
	}
	p.must(p.store.View(t.Context(), func(r kv.Reader) error {
		pairs, err := kv.All(r, []byte("notices/out/"))
		if err != nil {
			return err
		}
		var b struct {
			Waiting []json.RawMessage `json:"waiting"`
			More    int               `json:"more"`
		}
		if len(pairs) != 1 {
			t.Fatalf("%d bundles", len(pairs))
		}
		err = json.Unmarshal(pairs[0].Value, &b)
		if err != nil {
			return err
		}
		if len(b.Waiting) == 0 || len(b.Waiting)+b.More != count || len(pairs[0].Value) > kv.MaxValue {
			t.Errorf("%d notices wait and %d are counted in %d bytes, of %d", len(b.Waiting), b.More, len(pairs[0].Value), count)
		}
		return nil
	}))
}
