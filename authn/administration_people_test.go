package authn

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

// found are the usernames that a query finds, page by page.
func (e *env) found(x Session, q PeopleQuery) (names []string) {
	e.t.Helper()
	for {
		page, err := e.Administration.People(e.t.Context(), x, q)
		if err != nil || q.Limit > 0 && len(page.People) > q.Limit {
			e.t.Fatalf("%d people, %v", len(page.People), err)
		}
		for _, u := range page.People {
			names = append(names, u.Username)
		}
		q.After = page.Next
		if q.After == "" {
			return names
		}
	}
}

func TestPeople(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	for _, name := range []string{"Zoe", "bob", "anna", "Ann"} {
		e.invited(root, name)
	}
	for _, c := range []struct {
		q    PeopleQuery
		want []string
	}{
		{PeopleQuery{Limit: 2}, []string{"Ann", "anna", "bob", "root", "Zoe"}},
		{PeopleQuery{}, []string{"Ann", "anna", "bob", "root", "Zoe"}},
		{PeopleQuery{Text: " ANN ", Limit: 1}, []string{"Ann", "anna"}},
		{PeopleQuery{Text: "oe@EXAMPLE"}, []string{"Zoe"}}, // an address that is not confirmed, too
		{PeopleQuery{Text: "@example.org", Limit: 5}, []string{"Ann", "anna", "bob", "root", "Zoe"}},
		{PeopleQuery{Text: "username"}, nil}, // stands in every record, and is nobody's
		{PeopleQuery{Text: `"`}, nil},
		{PeopleQuery{Text: "nobody"}, nil},
		{PeopleQuery{After: "BOB"}, []string{"root", "Zoe"}},
		{PeopleQuery{After: "zz"}, nil},
	} {
		if got := e.found(root.Session, c.q); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.q, got, c.want)
		}
	}
}

// An address may hold what JSON writes in another way.
func TestPeopleByAnOddAddress(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	e.edit(e.invited(root, "bob").UserID, func(u *userRecord) { u.Email = "r&d<x>@example.org" })
	if got := e.found(root.Session, PeopleQuery{Text: "R&D<"}); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("%q", got)
	}
}

// many makes accounts without passwords.
func (e *env) many(n int) {
	e.t.Helper()
	for at := 0; at < n; at += 1000 {
		err := e.core.store.Update(e.t.Context(), func(tx kv.Tx) error {
			for i := at; i < min(n, at+1000); i++ {
				u := userRecord{ID: fmt.Sprintf("00000000-0000-7000-8000-%012d", i), Username: fmt.Sprintf("person%05d", i), CreatedAt: e.now()}
				u.Email = u.Username + "@department.example.org"
				if err := errors.Join(kv.PutJSON(tx, userKey(u.ID), u), tx.Put([]byte(nameKey(u.Username)), []byte(u.ID))); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			e.t.Fatal(err)
		}
	}
}

func BenchmarkPeople(b *testing.B) {
	e := newEnv(b)
	root := e.admin()
	e.many(10_000)
	for _, q := range []PeopleQuery{{}, {Text: "person09999"}, {Text: "department"}, {Text: "none such"}} {
		b.Run("text="+q.Text, func(b *testing.B) {
			for b.Loop() {
				if _, err := e.Administration.People(b.Context(), root.Session, q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestPerson(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	e.refresh(root)
	get := func() Person {
		t.Helper()
		p, err := e.Administration.Person(t.Context(), root.Session, bob.UserID)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := get(); p.Username != "bob" || !p.SignedInAt.Equal(p.CreatedAt) || p.SignedInBy != FactorNone || p.Sessions != 0 || !p.HasTOTP {
		t.Errorf("%+v", p)
	}
	x := e.signIn(bob)
	at := e.now().Add(-time.Minute)
	for range signInPage + 3 { // rows that are none of a sign-in
		if err := e.core.store.Update(t.Context(), func(tx kv.Tx) error {
			return e.core.record(tx, bob.UserID, audit.Event{Kind: rowFactorFailed})
		}); err != nil {
			t.Fatal(err)
		}
	}
	if p := get(); !p.SignedInAt.Equal(at) || p.SignedInBy != FactorTOTP {
		t.Errorf("signed in at %v by %q, want %v", p.SignedInAt, p.SignedInBy, at)
	}
	e.keepSession(x)
	if p := get(); p.Sessions != 1 {
		t.Errorf("%d sessions", p.Sessions)
	}
	_, err := e.Administration.Person(t.Context(), root.Session, "nobody")
	wantErr(t, err, ErrNotFound)
}

// keepSession stores a session as a browser's.
func (e *env) keepSession(x Session) {
	e.t.Helper()
	b, err := json.Marshal(x)
	if err != nil {
		e.t.Fatal(err)
	}
	values, err := json.Marshal(map[string]string{valueSession: string(b)})
	if err != nil {
		e.t.Fatal(err)
	}
	rec := sessionRecord{Begun: e.now(), Seen: e.now(), Values: values}
	if err := e.core.store.Update(e.t.Context(), func(tx kv.Tx) error { return putSession(tx, "hash of "+x.ID, rec) }); err != nil {
		e.t.Fatal(err)
	}
}

func TestSignOutEverywhere(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	x := e.signIn(bob)
	e.keepSession(x)
	half := e.must(e.Sessions.SignIn(t.Context(), home, "bob", bob.password))
	e.refresh(root)
	n, err := e.Administration.SignOutEverywhere(t.Context(), root.Session, home, bob.UserID)
	if err != nil || n != 1 {
		t.Fatalf("%d sessions, %v", n, err)
	}
	if row := e.wantRow(rowSignedOutAll, bob.UserID); row.Actor.UserID != root.UserID || row.Actor.Factor != "totp" || row.Detail["n"] != "1" {
		t.Errorf("%+v", row)
	}
	if m := e.mails.last(t, string(notices.SignedOut)); m.to.Username != "bob" {
		t.Errorf("%+v", m)
	}
	for _, old := range []Session{x, half, bob.Session} {
		_, err := e.Authenticators.Verify(t.Context(), old, home, e.code(bob, 0))
		wantErr(t, err, ErrSignedOut)
	}
	if p, err := e.Administration.Person(t.Context(), root.Session, bob.UserID); err != nil || p.Sessions != 0 || p.Frozen {
		t.Errorf("%+v %v", p, err)
	}
	e.signIn(bob)
	_, err = e.Administration.SignOutEverywhere(t.Context(), root.Session, home, "nobody")
	wantErr(t, err, ErrNotFound)
}

// Who is no administrator any more administers nothing, whatever its request was told
// when it began; nor does who is frozen.
func TestIsAdministrator(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	is := func(id string) (ok bool) {
		t.Helper()
		if err := e.core.store.View(t.Context(), func(r kv.Reader) (err error) { ok, err = IsAdministrator(r, id); return err }); err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !is(root.UserID) || is(bob.UserID) || is("nobody") || is("") {
		t.Error("wrong")
	}
	e.edit(root.UserID, func(u *userRecord) { u.Frozen = true })
	if is(root.UserID) {
		t.Error("a frozen one is one")
	}
}
