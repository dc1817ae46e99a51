package rootkeys

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/verifier"
)

const bobOnly = bob // the id of a project, too, in the file of layout 1

// layout1 is a file that the program wrote when its layout was 1: demo of Alice and
// Carol, crowded of Alice, Bob and 40 others, gone (deleted), bob-only, nobodys; 40
// tokens of Alice, of which number 3 is revoked.
func layout1(t *testing.T) string {
	t.Helper()
	f, err := os.Open("testdata/layout1.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "layout1.db")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMigration: what layout 1 said is what layout 2 says, and the follower goes on
// from there.
func TestMigration(t *testing.T) {
	path := layout1(t)
	for range 2 { // and a second time nothing is left to do
		s := open(t, path)
		if s.Position() != headAt(44) || s.Filling() || !s.LastHeard().Equal(time.Unix(1800000005, 0)) {
			t.Errorf("at %+v, heard %v", s.Position(), s.LastHeard())
		}
		for name, want := range map[string]verifier.Project{
			"demo":     {ID: first, Name: "demo", Member: true},
			"crowded":  {ID: second, Name: "crowded", Member: true},
			"gone":     {},
			"bob-only": {ID: bobOnly, Name: "bob-only"},
			"nobodys":  {ID: "00000000-0000-4000-8000-0000000000bd", Name: "nobodys"},
		} {
			if got := lookup(t, s, 1, name).Project; got != want {
				t.Errorf("%s: %+v, want %+v", name, got, want)
			}
		}
		if rec := lookup(t, s, 3, "demo"); rec.RevokedAt.IsZero() || rec.RevokedWhy != "by its owner" || rec.UserName != "alice" {
			t.Errorf("the revoked token: %+v", rec)
		}
		if got := dump(t, s); strings.Count(got, "in project "+second) != 42 || strings.Contains(got, "in project "+first) {
			t.Errorf("members' records:\n%s", got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, path)
	apply(t, s, deleted(second, "crowded"), project(first, "demo", bob))
	if got := dump(t, s); strings.Contains(got, "in project ") || lookup(t, s, 1, "demo").Project.Member || lookup(t, s, 1, "crowded").Project.ID != "" {
		t.Errorf("after the migration, a change leaves:\n%s", got)
	}
}

func TestMigrationRefuses(t *testing.T) {
	path := layout1(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{Key: testKey, ReadOnly: true}); err == nil || !strings.Contains(err.Error(), "open it for writing once") {
		t.Errorf("for reading: %v", err)
	}
	if _, err := Open(path, Options{Key: make([]byte, KeySize)}); !errors.Is(err, ErrWrongKey) {
		t.Errorf("with another key: %v", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("a refusal changed the file")
	}
	for _, key := range [][]byte{nameKey("demo"), memberKey(id(t, second), id(t, bob))} {
		path := layout1(t)
		edit(t, path, func(tx *bbolt.Tx) error {
			v := append([]byte(nil), tx.Bucket(recordsBucket).Get(key)...)
			v[20] ^= 1
			return tx.Bucket(recordsBucket).Put(key, v)
		})
		if _, err := Open(path, Options{Key: testKey}); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "from layout 1 to layout 2") {
			t.Errorf("%s damaged: %v", keyText(key), err)
		}
		edit(t, path, func(tx *bbolt.Tx) error { // and nothing was half done
			if v := tx.Bucket(metaBucket).Get(layoutKey); v[3] != 1 {
				t.Errorf("the file says layout %d", v[3])
			}
			return nil
		})
	}
}

// TestProjectsGrowAndShrink moves a project's members out of the record of its name
// and back.
func TestProjectsGrowAndShrink(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s, user(alice, "alice"), tokenChange(t, 1))
	for i, c := range []struct {
		owners []string
		member bool
		apart  int
	}{
		{crowd()[1:], false, 0}, {crowd(alice)[:maxListed], true, 0}, {crowd(alice), true, maxListed + 1},
		{crowd(bob), false, maxListed + 1}, {crowd(alice, bob), true, maxListed + 2}, {[]string{alice}, true, 0}, {nil, false, 0},
	} {
		apply(t, s, project(first, "demo", c.owners...))
		want := verifier.Project{ID: first, Name: "demo", Member: c.member}
		if got := lookup(t, s, 1, "demo").Project; got != want {
			t.Errorf("%d: %+v, want %+v", i, got, want)
		}
		if got := strings.Count(dump(t, s), "in project "); got != c.apart {
			t.Errorf("%d: %d records of members, want %d", i, got, c.apart)
		}
	}
	reader := func(role string) bool {
		apply(t, s, Change{Project: &Project{ID: first, Name: "demo", Members: map[string]string{alice: role}}})
		rec, err := s.Lookup(context.Background(), tokenID(1), "demo")
		if err != nil {
			t.Fatal(err)
		}
		return rec.Project.Member
	}
	if !reader("maintainer") || reader("reader") || reader(strings.Repeat("owner", 2)) {
		t.Error("a role that is none of the two uploads")
	}
}
