package rootkeys

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/verifier"
)

const (
	issuerID = "00000000-0000-4000-8000-000000000001"
	alice    = "00000000-0000-4000-8000-0000000000aa"
	bob      = "00000000-0000-4000-8000-0000000000ab"
	carol    = "00000000-0000-4000-8000-0000000000ac"
	first    = "00000000-0000-4000-8000-0000000000bb"
	second   = "00000000-0000-4000-8000-0000000000bc"
)

// demoOnly is the caveat of a token for one project.
var demoOnly = caveats.ProjectNames{"demo"}

var testKey = []byte("a key for tests, 32 bytes long..")

func storePath(t testing.TB) string { return filepath.Join(t.TempDir(), "rootkeys.db") }

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path, Options{Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// headAt is the position of the issuer that tests follow.
func headAt(revision uint64) Position {
	return Position{Issuer: issuerID, Epoch: 1, Revision: revision}
}

func set(revision uint64, changes ...Change) ChangeSet {
	return ChangeSet{Revision: revision, Time: time.Unix(1800000000, 0), Changes: changes}
}

// apply commits one change set behind those that are applied.
func apply(t testing.TB, s *Store, changes ...Change) {
	t.Helper()
	next := s.Position().Revision + 1
	if err := s.Apply(context.Background(), headAt(next), []ChangeSet{set(next, changes...)}); err != nil {
		t.Fatal(err)
	}
}

func tokenID(number int) string { return fmt.Sprintf("01900000-0000-7000-8000-%012d", number) }

// minted is a token as an issuer tells it, and its text.
func minted(t testing.TB, number int, user string, cs ...caveats.Caveat) (*Token, string) {
	t.Helper()
	raw := [][]byte{caveats.User(user).Append(nil)}
	for _, c := range cs {
		raw = append(raw, c.Append(nil))
	}
	tok, err := token.Mint(testKey, tokenID(number), "packages.example.org", raw)
	if err != nil {
		t.Fatal(err)
	}
	text, err := tok.Text()
	if err != nil {
		t.Fatal(err)
	}
	return &Token{ID: tok.ID, UserID: user, Location: tok.Location, Caveats: tok.Caveats, Signature: tok.Signature[:]}, text
}

func tokenChange(t testing.TB, number int) Change {
	t.Helper()
	tok, _ := minted(t, number, alice)
	return Change{Token: tok}
}

func user(id, name string) Change { return Change{User: &User{ID: id, Name: name}} }

// project has the members given as owners.
func project(id, name string, owners ...string) Change {
	members := map[string]string{}
	for _, o := range owners {
		members[o] = "owner"
	}
	return Change{Project: &Project{ID: id, Name: name, Members: members}}
}

// crowd is the users and so many others that a project of theirs has a record for
// each member.
func crowd(users ...string) []string {
	for n := range maxListed {
		users = append(users, fmt.Sprintf("00000000-0000-4000-8000-%012x", 0x1000+n))
	}
	return users
}

func deleted(id, name string) Change {
	return Change{Project: &Project{ID: id, Name: name, Deleted: true}}
}

// lookup must succeed.
func lookup(t testing.TB, s *Store, number int, project string) verifier.Record {
	t.Helper()
	rec, err := s.Lookup(context.Background(), tokenID(number), project)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func writeFile(path string, b []byte) error { return os.WriteFile(path, b, 0o600) }

// sealerKey is the key that values are sealed with.
func sealerKey(key []byte) ([]byte, error) {
	master, err := seal.New(key)
	if err != nil {
		return nil, err
	}
	return master.DeriveKey("root-key store")
}

func dbOf(s *Store) *bbolt.DB { return s.moment.Load().file.db }

// opened calls fn with each record of a store, opened, in their order.
func opened(t testing.TB, s *Store, fn func(table int, id recordID, content []byte)) {
	t.Helper()
	m := s.moment.Load()
	err := dbOf(s).View(func(tx *bbolt.Tx) error {
		var chunks chunkReader
		for table := range m.tables {
			for _, b := range m.tables[table].blocks {
				for i := range b.entries {
					key, p := fileKey(tableKinds[table], b.key(i)), placeOf(tableKinds[table], b.key(i), b.entries[i].stamp, 0)
					err := chunks.all(tx.Bucket(recordsBucket).Get(key[:]), m.file.sealer, &p, func(id recordID, content []byte) error {
						fn(table, id, content)
						return nil
					})
					if err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// dump is everything in the records, in the clear, and the bits.
func dump(t testing.TB, s *Store) string {
	t.Helper()
	var b strings.Builder
	opened(t, s, func(table int, id recordID, content []byte) { fmt.Fprintf(&b, "%d %x: %x\n", table, id, content) })
	m := s.moment.Load()
	for n := range m.members {
		fmt.Fprintf(&b, "%d holds: %v\n", n, m.holds(n))
	}
	fmt.Fprintf(&b, "filling %v, secret %x\n", s.Filling(), m.secret)
	return b.String()
}
