package rootkeys

import (
	"context"
	"errors"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/verifier"
)

func TestLookupReturnsWhatWasApplied(t *testing.T) {
	s := open(t, storePath(t))
	tok, _ := minted(t, 1, alice, caveats.ProjectNames{"demo"}, caveats.Life{ExpiresAt: 1800003600})
	tok.Restrictions = [][]byte{[]byte(`[100,["1.0"]]`), []byte(`[104,["upload"]]`)}
	tok.ExpiresAt = time.UnixMilli(1800003600_500)
	tok.RevokedAt, tok.RevokedWhy = time.UnixMilli(0), "by its owner"
	apply(t, s, Change{User: &User{ID: alice, Name: "alice", Frozen: true}}, project(first, "demo", alice), Change{Token: tok})
	got := lookup(t, s, 1, "demo")
	want := verifier.Record{
		Location: tok.Location, UserID: alice, UserName: "alice", UserFrozen: true,
		Caveats: tok.Caveats, Signature: [32]byte(tok.Signature), Restrictions: tok.Restrictions,
		ExpiresAt: tok.ExpiresAt, RevokedAt: tok.RevokedAt, RevokedWhy: tok.RevokedWhy,
		Project: verifier.Project{ID: first, Name: "demo", Member: true},
	}
	if !got.ExpiresAt.Equal(want.ExpiresAt) || !got.RevokedAt.Equal(want.RevokedAt) {
		t.Errorf("ends %v, revoked %v", got.ExpiresAt, got.RevokedAt)
	}
	got.ExpiresAt, got.RevokedAt = want.ExpiresAt, want.RevokedAt
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n%+v, want\n%+v", got, want)
	}
	tok.ExpiresAt, tok.RevokedAt = time.Time{}, time.Time{}
	tok.ID = tokenID(2)
	apply(t, s, Change{Token: tok})
	if got := lookup(t, s, 2, ""); !got.ExpiresAt.IsZero() || !got.RevokedAt.IsZero() || got.Project != (verifier.Project{}) {
		t.Errorf("%+v", got)
	}
}

func TestLookupOfWhatIsNotThere(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s, user(alice, "alice"), tokenChange(t, 1))
	for _, id := range []string{tokenID(2), "", "1", strings.ToUpper("0190000a-0000-7000-8000-000000000001"), strings.Repeat("x", 9000)} {
		if _, err := s.Lookup(context.Background(), id, ""); !errors.Is(err, verifier.ErrUnknownToken) {
			t.Errorf("%.40q: %v", id, err)
		}
	}
	for _, name := range []string{"nothing", "", strings.Repeat("x", 50_000), "\x00"} {
		if rec := lookup(t, s, 1, name); rec.Project != (verifier.Project{}) {
			t.Errorf("%.40q: %+v", name, rec.Project)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Lookup(ctx, tokenID(1), ""); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func id(t testing.TB, s string) [16]byte {
	t.Helper()
	b, ok := uuidBytes(s)
	if !ok || uuidText(b[:]) != s {
		t.Fatalf("%q", s)
	}
	return b
}

func TestMissingOwnerIsDamage(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s, tokenChange(t, 1))
	if _, err := s.Lookup(context.Background(), tokenID(1), ""); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), alice) {
		t.Errorf("%v", err)
	}
}

// TestTruncatedFile cuts the file under an open store: the memory map then ends
// before the pages do. With the first two pages go those that bbolt reads while it
// holds its locks.
func TestTruncatedFile(t *testing.T) {
	for _, pages := range []int{1, 2} {
		path := storePath(t)
		s, err := Open(path, Options{Key: testKey})
		if err != nil {
			t.Fatal(err)
		}
		apply(t, s, user(alice, "alice"), tokenChange(t, 1))
		if err := os.Truncate(path, int64(pages*os.Getpagesize())); err != nil {
			t.Fatal(err)
		}
		for range 3 { // and it doesn't hang afterwards
			if _, err := s.Lookup(context.Background(), tokenID(1), ""); !errors.Is(err, ErrDamaged) {
				t.Errorf("%d pages: %v", pages, err)
			}
			if err := s.Apply(context.Background(), headAt(2), []ChangeSet{set(2)}); !errors.Is(err, ErrDamaged) {
				t.Errorf("%d pages: %v", pages, err)
			}
		}
		if err := s.Close(); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d pages: close: %v", pages, err)
		}
		if s, err := Open(path, Options{Key: testKey, Timeout: time.Millisecond}); err == nil {
			s.Close()
			t.Errorf("%d pages: the file opens again", pages)
		}
	}
}

// TestOneMoment moves Alice's membership and the project's identity in one
// transaction, to and fro: no reader sees half of it.
func TestOneMoment(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s, user(alice, "alice"), tokenChange(t, 1), project(first, "demo", alice), project(second, "else", bob))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				rec, err := s.Lookup(context.Background(), tokenID(1), "demo")
				if err != nil || rec.Project.Member != (rec.Project.ID == first) {
					t.Errorf("%+v, %v", rec.Project, err)
					return
				}
			}
		})
	}
	for range 100 {
		apply(t, s, project(first, "else", bob), project(second, "demo", bob))
		apply(t, s, project(second, "else", bob), project(first, "demo", alice))
	}
	close(stop)
	readers.Wait()
}

// checkDamaged holds an error against what a damaged record has to say.
func checkDamaged(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrDamaged) || errors.Is(err, verifier.ErrUnknownToken) || !strings.Contains(err.Error(), "let a new one be filled") {
		t.Errorf("%v, want that the store is damaged, and what to do", err)
	}
}

// aside is a store of somebody's own, that embeds a Store and decides for itself.
type aside struct{ *Store }

var errAside = errors.New("not today")

func (aside) Lookup(context.Context, string, string) (verifier.Record, error) {
	return verifier.Record{}, errAside
}

// Whoever embeds a Store to look before it does is asked, and not passed by.
func TestEmbeddedStoreIsAsked(t *testing.T) {
	s := open(t, storePath(t))
	tok, text := minted(t, 1, alice)
	apply(t, s, Change{User: &User{ID: alice, Name: "alice"}}, project(first, "demo", alice), Change{Token: tok})
	if s.LookupInto(s) == nil || s.LookupInto(aside{s}) != nil {
		t.Error("the store does not tell itself from what embeds it")
	}
	if _, err := verifier.New(aside{s}).Verify(t.Context(), text, verifier.Request{Action: "upload", Project: "demo"}); !errors.Is(err, errAside) {
		t.Errorf("the embedding store was not asked: %v", err)
	}
}
