package rootkeys

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/verifier"
)

func TestApplyRefuses(t *testing.T) {
	at := func(issuer string, epoch, revision uint64) Position {
		return Position{Issuer: issuer, Epoch: epoch, Revision: revision}
	}
	const another = "00000000-0000-4000-8000-000000000002"
	for _, c := range []struct {
		name string
		head Position
		sets []ChangeSet
		is   error
		says string
	}{
		{"another issuer", at(another, 1, 9), []ChangeSet{set(3)}, ErrOtherIssuer, another},
		{"another issuer without changes", at(another, 1, 9), nil, ErrOtherIssuer, "check the issuer's address"},
		{"another issuer in a newer epoch", at(another, 2, 9), nil, ErrOtherIssuer, ""},
		{"no issuer", at("", 1, 9), []ChangeSet{set(3)}, nil, "who it is"},
		{"an older epoch", at(issuerID, 0, 9), []ChangeSet{set(3)}, ErrWentBack, "restored from a backup"},
		{"an older revision", at(issuerID, 1, 1), nil, ErrWentBack, "raising the issuer's epoch"},
		{"a gap", at(issuerID, 1, 9), []ChangeSet{set(4)}, ErrGap, "4 comes after 2"},
		{"a gap further on", at(issuerID, 1, 9), []ChangeSet{set(3, user(carol, "carol")), set(5)}, ErrGap, "5 comes after 3"},
		{"sets in another order", at(issuerID, 1, 9), []ChangeSet{set(4), set(3)}, ErrGap, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, storePath(t))
			apply(t, s, user(alice, "alice"))
			apply(t, s, user(bob, "bob"))
			before := dump(t, s)
			err := s.Apply(context.Background(), c.head, c.sets)
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "rootkeys: ") {
				t.Errorf("%v, want %v saying %q", err, c.is, c.says)
			}
			if got := dump(t, s); got != before || s.Position() != headAt(2) {
				t.Errorf("a refused call changed the store to %+v:\n%s\nfrom\n%s", s.Position(), got, before)
			}
		})
	}
}

func TestApplyIsOneTransaction(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s, user(alice, "alice"), project(first, "demo", alice), tokenChange(t, 1))
	before := dump(t, s)
	bad, _ := minted(t, 2, alice)
	bad.Signature = bad.Signature[:31]
	err := s.Apply(context.Background(), headAt(9), []ChangeSet{
		set(2, user(bob, "bob"), project(second, "other", bob)),
		set(3, deleted(first, "demo"), Change{Token: bad}),
	})
	if err == nil || !strings.Contains(err.Error(), "change set 3: token "+bad.ID) {
		t.Errorf("%v", err)
	}
	if got := dump(t, s); got != before {
		t.Errorf("a failed call left\n%s\nof\n%s", got, before)
	}
}

func TestApplySkipsWhatIsApplied(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s, user(alice, "alice"))
	apply(t, s, user(alice, "alicia"))
	sets := []ChangeSet{set(1, user(alice, "alice")), set(2, user(alice, "alicia")), set(3, tokenChange(t, 1))}
	for range 2 {
		if err := s.Apply(context.Background(), headAt(3), sets); err != nil {
			t.Fatal(err)
		}
		if rec := lookup(t, s, 1, ""); rec.UserName != "alicia" || s.Position().Revision != 3 {
			t.Errorf("%q at %+v", rec.UserName, s.Position())
		}
	}
	// Nothing to do costs no transaction.
	writes := func() int64 {
		stats := dbOf(s).Stats()
		return stats.TxStats.GetWrite()
	}
	before := writes()
	if err := s.Apply(context.Background(), headAt(3), nil); err != nil {
		t.Fatal(err)
	}
	if got := writes(); got != before || got == 0 {
		t.Errorf("%d writes for nothing, after %d", got-before, before)
	}
}

func TestApplyRefusesRecords(t *testing.T) {
	with := func(change func(*Token)) Change {
		tok, _ := minted(t, 1, alice)
		change(tok)
		return Change{Token: tok}
	}
	long := strings.Repeat("x", maxText+1)
	for name, c := range map[string]Change{
		"nothing":               {},
		"two at once":           {User: &User{ID: alice, Name: "alice"}, Project: &Project{ID: first, Name: "demo"}},
		"token id":              with(func(t *Token) { t.ID = "1" }),
		"token id in capitals":  with(func(t *Token) { t.ID = "0190000A-0000-7000-8000-000000000001" }),
		"owner":                 with(func(t *Token) { t.UserID = "" }),
		"location":              with(func(t *Token) { t.Location = "" }),
		"long location":         with(func(t *Token) { t.Location = long }),
		"long reason":           with(func(t *Token) { t.RevokedWhy = long }),
		"no caveats":            with(func(t *Token) { t.Caveats = nil }),
		"many caveats":          with(func(t *Token) { t.Caveats = make([][]byte, 65) }),
		"many restrictions":     with(func(t *Token) { t.Restrictions = make([][]byte, 65) }),
		"long caveat":           with(func(t *Token) { t.Caveats[0] = make([]byte, 4097) }),
		"long restriction":      with(func(t *Token) { t.Restrictions = [][]byte{make([]byte, 4097)} }),
		"no signature":          with(func(t *Token) { t.Signature = nil }),
		"zero signature":        with(func(t *Token) { t.Signature = make([]byte, 32) }),
		"long signature":        with(func(t *Token) { t.Signature = make([]byte, 33) }),
		"user id":               user("alice", "alice"),
		"user without a name":   user(alice, ""),
		"user's long name":      user(alice, long),
		"project id":            project("demo", "demo"),
		"project's name":        project(first, ""),
		"name that is no name":  project(first, "Not_Normal"),
		"project's long name":   project(first, long),
		"member that is no id":  project(first, "demo", "alice"),
		"member without a role": {Project: &Project{ID: first, Name: "demo", Members: map[string]string{alice: ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, storePath(t))
			apply(t, s, user(alice, "alice"))
			if err := s.Apply(context.Background(), headAt(2), []ChangeSet{set(2, c)}); err == nil {
				t.Error("taken")
			}
			if s.Position().Revision != 1 {
				t.Error("the position moved")
			}
		})
	}
}

func TestApplyEndsWithItsContext(t *testing.T) {
	s := open(t, storePath(t))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Apply(ctx, headAt(1), []ChangeSet{set(1)}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestFilling shows that a store which replays a history answers nothing from the
// midst of it: there, a token lives that was revoked since.
func TestFilling(t *testing.T) {
	s := open(t, storePath(t))
	mustFill := func() {
		t.Helper()
		for _, n := range []int{1, 2} {
			_, err := s.Lookup(context.Background(), tokenID(n), "demo")
			if !errors.Is(err, ErrFilling) || errors.Is(err, verifier.ErrUnknownToken) {
				t.Errorf("%v while filling", err)
			}
		}
		if !s.Filling() {
			t.Error("says that it can answer")
		}
	}
	mustFill()
	revoked, _ := minted(t, 1, alice)
	revoked.RevokedAt = time.Unix(1800000000, 0)
	history := []ChangeSet{
		set(1, user(alice, "alice"), tokenChange(t, 1)),
		set(2, Change{Token: revoked}),
		set(3, project(first, "demo", alice)),
	}
	for i := range history {
		if err := s.Apply(context.Background(), headAt(3), history[i:i+1]); err != nil {
			t.Fatal(err)
		}
		if i < 2 {
			mustFill()
		}
	}
	if rec := lookup(t, s, 1, "demo"); rec.RevokedAt.IsZero() || s.Filling() {
		t.Errorf("%+v", rec)
	}
	if _, err := s.Lookup(context.Background(), tokenID(2), ""); !errors.Is(err, verifier.ErrUnknownToken) {
		t.Errorf("%v", err)
	}
}

func TestFillingOutlivesTheProcess(t *testing.T) {
	path := storePath(t)
	s := open(t, path)
	if err := s.Apply(context.Background(), headAt(2), []ChangeSet{set(1, user(alice, "alice"), tokenChange(t, 1))}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if _, err := s.Lookup(context.Background(), tokenID(1), ""); !errors.Is(err, ErrFilling) || !s.Filling() {
		t.Errorf("%v", err)
	}
	// By now the issuer is further on; what matters is where it was at first.
	if err := s.Apply(context.Background(), headAt(9), []ChangeSet{set(2)}); err != nil {
		t.Fatal(err)
	}
	lookup(t, s, 1, "")
}

func TestAnIssuerWithoutHistoryIsFollowed(t *testing.T) {
	s := open(t, storePath(t))
	if err := s.Apply(context.Background(), headAt(0), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lookup(context.Background(), tokenID(1), ""); !errors.Is(err, verifier.ErrUnknownToken) {
		t.Errorf("%v", err)
	}
}

// TestNewEpoch shows that after the operator's word the store begins again, and
// that nothing of what it knew is left.
func TestNewEpoch(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s, user(alice, "alice"), tokenChange(t, 1), project(first, "demo", alice))
	apply(t, s, tokenChange(t, 2))
	head := Position{Issuer: issuerID, Epoch: 2, Revision: 1}
	if err := s.Apply(context.Background(), head, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lookup(context.Background(), tokenID(1), ""); !errors.Is(err, ErrFilling) {
		t.Errorf("%v", err)
	}
	if err := s.Apply(context.Background(), head, []ChangeSet{set(1, user(alice, "alice"), tokenChange(t, 1))}); err != nil {
		t.Fatal(err)
	}
	if s.Position() != head {
		t.Errorf("at %+v", s.Position())
	}
	if rec := lookup(t, s, 1, "demo"); rec.Project != (verifier.Project{}) {
		t.Errorf("a project of the old epoch: %+v", rec.Project)
	}
	if _, err := s.Lookup(context.Background(), tokenID(2), ""); !errors.Is(err, verifier.ErrUnknownToken) {
		t.Errorf("a token of the old epoch: %v", err)
	}
	if err := s.Apply(context.Background(), headAt(9), nil); !errors.Is(err, ErrWentBack) {
		t.Errorf("the old epoch again: %v", err)
	}
}

// TestValuesAreSealed looks for what the records hold in the bytes of the file.
func TestValuesAreSealed(t *testing.T) {
	s := open(t, storePath(t))
	tok, _ := minted(t, 1, alice)
	tok.RevokedAt, tok.RevokedWhy = time.Unix(1800000000, 0), "by somebody named here"
	apply(t, s, user(alice, "alice-the-maintainer"), project(first, "demo", alice), Change{Token: tok})
	var file bytes.Buffer
	err := dbOf(s).View(func(tx *bbolt.Tx) error {
		_, err := tx.WriteTo(&file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(file.Bytes(), []byte(format)) {
		t.Error("the file does not say what it is: does this test look at the file?")
	}
	for name, secret := range map[string][]byte{
		"signature": tok.Signature, "caveat": tok.Caveats[0], "user name": []byte("alice-the-maintainer"),
		"location": []byte(tok.Location), "reason": []byte(tok.RevokedWhy), "role": []byte("owner"), "project name": []byte("demo"),
		"issuer": []byte(issuerID), "key": testKey,
	} {
		if bytes.Contains(file.Bytes(), secret) {
			t.Errorf("the file shows the %s", name)
		}
	}
}
