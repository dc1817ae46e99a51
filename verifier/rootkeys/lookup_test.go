package rootkeys

import (
	"bytes"
	"context"
	"errors"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

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

// raw is the sealed value under a key.
func raw(t *testing.T, s *Store, key []byte) []byte {
	t.Helper()
	var v []byte
	err := s.db.View(func(tx *bbolt.Tx) error {
		v = append(v, tx.Bucket(recordsBucket).Get(key)...)
		return nil
	})
	if err != nil || v == nil {
		t.Fatalf("no value: %v", err)
	}
	return v
}

func putRaw(t *testing.T, s *Store, key, value []byte) {
	t.Helper()
	err := s.update(context.Background(), func(tx *bbolt.Tx) error {
		s.forget()
		return tx.Bucket(recordsBucket).Put(key, value)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func id(t *testing.T, s string) [16]byte {
	t.Helper()
	b, ok := uuidBytes(s)
	if !ok || uuidText(b[:]) != s {
		t.Fatalf("%q", s)
	}
	return b
}

// TestDamagedRecords changes each record of a lookup: a flipped byte, a value of
// another record, a content of no sense, and that it is gone.
func TestDamagedRecords(t *testing.T) {
	tokenKey, userKey := recordKey(kindToken, id(t, tokenID(1))), recordKey(kindUser, id(t, alice))
	others := map[string][]byte{ // records of the same kind, whose values are good there
		"token":  recordKey(kindToken, id(t, tokenID(2))),
		"user":   recordKey(kindUser, id(t, bob)),
		"name":   nameKey("other"),
		"member": memberKey(id(t, second), id(t, bob)),
	}
	for kind, key := range map[string][]byte{
		"token": tokenKey, "user": userKey, "name": nameKey("demo"), "member": memberKey(id(t, first), id(t, alice)),
	} {
		t.Run(kind, func(t *testing.T) {
			s := open(t, storePath(t))
			apply(t, s, user(alice, "alice"), user(bob, "bob"), tokenChange(t, 1), tokenChange(t, 2), project(first, "demo", alice), project(second, "other", bob))
			if kind == "member" {
				apply(t, s, project(first, "demo", crowd(alice)...), project(second, "other", crowd(bob)...))
			}
			good := raw(t, s, key)
			mustFail := func(what string) {
				t.Helper()
				rec, err := s.Lookup(context.Background(), tokenID(1), "demo")
				checkDamaged(t, err)
				if !reflect.DeepEqual(rec, verifier.Record{}) {
					t.Fatalf("%s: a record with an error", what)
				}
			}
			for i := range good {
				bad := append([]byte(nil), good...)
				bad[i] ^= 1
				putRaw(t, s, key, bad)
				mustFail("a flipped byte")
			}
			putRaw(t, s, key, raw(t, s, others[kind]))
			mustFail("the value of another record")
			for _, content := range [][]byte{{}, {encoding + 1}, {encoding, 0xff}, make([]byte, 5)} {
				putRaw(t, s, key, s.sealer.Seal(nil, content, "records/"+string(key)))
				mustFail("a content of no sense")
			}
			putRaw(t, s, key, good)
			lookup(t, s, 1, "demo")
		})
	}
}

// TestDamagedKeys flips each bit of the keys that a lookup goes by, in the file:
// the record is not found, and yet nobody is told that it never was.
func TestDamagedKeys(t *testing.T) {
	path := storePath(t)
	s := open(t, path)
	apply(t, s, user(alice, "alice"), tokenChange(t, 1), project(first, "demo", crowd(alice)...))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for kind, key := range map[string][]byte{
		"token": recordKey(kindToken, id(t, tokenID(1))), "user": recordKey(kindUser, id(t, alice)),
		"name": nameKey("demo"), "member": memberKey(id(t, first), id(t, alice)),
	} {
		for bit := range 8 * len(key) {
			bad := bytes.Clone(key)
			bad[bit/8] ^= 1 << (bit % 8)
			flipped := bytes.ReplaceAll(good, key, bad)
			if bytes.Equal(flipped, good) {
				t.Fatalf("the file does not hold the %s", kind)
			}
			if err := os.WriteFile(path, flipped, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(path, Options{Key: testKey})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Lookup(context.Background(), tokenID(1), "demo")
			checkDamaged(t, err)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
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
