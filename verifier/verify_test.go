package verifier_test

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

func TestGrant(t *testing.T) {
	h := newHouse(t)
	life := caveats.Life{ExpiresAt: now.Unix() + 3600, NotBefore: now.Unix() - 60}
	tok, rec := mint(t, 1, caveats.ProjectNames{"demo"}, caveats.ProjectIDs{demo}, life)
	rec.ExpiresAt = now.Add(time.Hour)
	rec.Restrictions = [][]byte{caveats.Life{ExpiresAt: now.Unix() + 1800}.Append(nil)}
	h.apply(rootkeys.Change{Token: rec})
	narrowed := narrow(t, text(t, tok),
		caveats.Life{ExpiresAt: now.Unix() + 900, NotBefore: now.Unix()}, caveats.Versions{"1.0"})

	req := upload()
	req.Project = "Demo" // as a client may write it
	req.UserID, req.ProjectID = bob, other
	req.Now = time.Time{} // the verifier's clock
	got, err := h.verifier.Verify(context.Background(), narrowed, req)
	if err != nil {
		t.Fatal(err)
	}
	says := func(g verifier.Grant) []any {
		return []any{g.TokenID, g.UserID, g.UserName, g.ProjectID, g.Project, g.Action, g.ExpiresAt}
	}
	want := verifier.Grant{
		TokenID: tok.ID, UserID: alice, UserName: "alice", ProjectID: demo, Project: "demo",
		Action: "upload", ExpiresAt: now.Add(15 * time.Minute).UTC(),
	}
	if !reflect.DeepEqual(says(got), says(want)) {
		t.Errorf("granted\n%+v, want\n%+v", got, want)
	}
	added := []string{
		caveats.Life{ExpiresAt: now.Unix() + 900, NotBefore: now.Unix()}.String(),
		caveats.Versions{"1.0"}.String(),
	}
	if words := got.Added(); !reflect.DeepEqual(words, added) {
		t.Errorf("added %q, want %q", words, added)
	}
}

func TestGrantEnds(t *testing.T) {
	for _, c := range []struct {
		name        string
		issued      []caveats.Caveat
		record      time.Time
		restriction []caveats.Caveat
		want        time.Time
	}{
		{name: "never"},
		{name: "by what was issued", issued: []caveats.Caveat{caveats.Life{ExpiresAt: 1800000100}}, want: time.Unix(1800000100, 0)},
		{name: "by the record", record: time.Unix(1800000050, 0), issued: []caveats.Caveat{caveats.Life{ExpiresAt: 1800000100}}, want: time.Unix(1800000050, 0)},
		{name: "by a restriction", issued: []caveats.Caveat{caveats.Life{ExpiresAt: 1800000100}}, restriction: []caveats.Caveat{caveats.Life{ExpiresAt: 1800000007}}, want: time.Unix(1800000007, 0)},
		{name: "after the year 9999", issued: []caveats.Caveat{caveats.Life{ExpiresAt: 1 << 62}}},
		{name: "at the end of 9999", issued: []caveats.Caveat{caveats.Life{ExpiresAt: 253402300799}}, want: time.Unix(253402300799, 0)},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			tok, rec := mint(t, 1, c.issued...)
			rec.ExpiresAt = c.record
			for _, r := range c.restriction {
				rec.Restrictions = append(rec.Restrictions, r.Append(nil))
			}
			h.apply(rootkeys.Change{Token: rec})
			grant, err := h.verifier.Verify(context.Background(), text(t, tok), upload())
			if err != nil {
				t.Fatal(err)
			}
			if !grant.ExpiresAt.Equal(c.want) {
				t.Errorf("ends at %v, want %v", grant.ExpiresAt, c.want)
			}
		})
	}
}

// change is one thing that is done to the store or the request.
type change func(rec *rootkeys.Token, req *verifier.Request, more *[]rootkeys.Change)

func TestDenials(t *testing.T) {
	project := func(name string) change {
		return func(_ *rootkeys.Token, req *verifier.Request, _ *[]rootkeys.Change) { req.Project = name }
	}
	applying := func(cs ...rootkeys.Change) change {
		return func(_ *rootkeys.Token, _ *verifier.Request, more *[]rootkeys.Change) { *more = cs }
	}
	restrict := func(c caveats.Caveat) change {
		return func(rec *rootkeys.Token, _ *verifier.Request, _ *[]rootkeys.Change) {
			rec.Restrictions = [][]byte{c.Append(nil)}
		}
	}
	for _, c := range []struct {
		name    string
		change  change
		want    []caveats.Reason
		message string
	}{
		{"nothing changed", applying(), nil, ""},
		{"the name in another spelling", project("DEMO"), nil, ""},
		{"no project", project(""), []caveats.Reason{caveats.WrongProject}, "the request names no valid project"},
		{"a name that no project has", project("demo/../other"), []caveats.Reason{caveats.WrongProject}, "the request names no valid project"},
		{"an unknown project", project("nobodys"), []caveats.Reason{caveats.NotAMember}, "user 'alice' is not a member of project 'nobodys'; if the project is new, register it at " + location + " first"},
		{"left the project",
			applying(rootkeys.Change{Project: &rootkeys.Project{ID: demo, Name: "demo", Members: map[string]string{bob: "owner"}}}),
			[]caveats.Reason{caveats.NotAMember}, "user 'alice' is not a member of project 'demo'; if the project is new, register it at " + location + " first"},
		{"a role that this version does not know",
			applying(rootkeys.Change{Project: &rootkeys.Project{ID: demo, Name: "demo", Members: map[string]string{alice: "reader"}}}),
			[]caveats.Reason{caveats.NotAMember}, ""},
		{"the project is deleted",
			applying(rootkeys.Change{Project: &rootkeys.Project{ID: demo, Name: "demo", Deleted: true}}),
			[]caveats.Reason{caveats.NotAMember}, ""},
		{"frozen", applying(rootkeys.Change{User: &rootkeys.User{ID: alice, Name: "alice", Frozen: true}}),
			[]caveats.Reason{caveats.UserFrozen}, "user 'alice' is frozen"},
		{"the record's end is now", func(rec *rootkeys.Token, _ *verifier.Request, _ *[]rootkeys.Change) { rec.ExpiresAt = now },
			[]caveats.Reason{caveats.Expired}, "token is expired"},
		{"the record's end is near", func(rec *rootkeys.Token, _ *verifier.Request, _ *[]rootkeys.Change) {
			rec.ExpiresAt = now.Add(time.Millisecond)
		}, nil, ""},
		{"revoked", func(rec *rootkeys.Token, req *verifier.Request, _ *[]rootkeys.Change) {
			rec.RevokedAt, rec.RevokedWhy, req.Project = now.Add(-time.Hour), "by its owner", "other"
		}, []caveats.Reason{caveats.Revoked}, "token was revoked by its owner on 2027-01-15 at 07:00 UTC"},
		{"belongs to somebody else than it says", func(rec *rootkeys.Token, _ *verifier.Request, more *[]rootkeys.Change) {
			rec.UserID = bob
			*more = []rootkeys.Change{{Project: &rootkeys.Project{ID: demo, Name: "demo", Members: map[string]string{bob: "owner"}}}}
		}, []caveats.Reason{caveats.WrongUser}, ""},
		{"restricted to another project", restrict(caveats.ProjectNames{"other"}), []caveats.Reason{caveats.WrongProject},
			"token is valid for project 'other', not for 'demo'"},
		{"restricted to this project", restrict(caveats.ProjectNames{"demo"}), nil, ""},
		{"restricted by a rule of a newer issuer", func(rec *rootkeys.Token, _ *verifier.Request, _ *[]rootkeys.Change) {
			rec.Restrictions = [][]byte{[]byte(`[200,"x"]`)}
		}, []caveats.Reason{caveats.UnknownCaveat}, ""},
		{"everything at once", func(rec *rootkeys.Token, req *verifier.Request, more *[]rootkeys.Change) {
			rec.ExpiresAt = now.Add(-time.Second)
			rec.Restrictions = [][]byte{caveats.Versions{"2.0"}.Append(nil), caveats.Versions{"2.0"}.Append(nil)}
			req.Project = "nobodys"
			*more = []rootkeys.Change{{User: &rootkeys.User{ID: alice, Name: "alice", Frozen: true}}}
		}, []caveats.Reason{caveats.WrongVersion, caveats.Expired, caveats.UserFrozen, caveats.NotAMember},
			"token is valid for version '2.0', not for '1.0'; token is expired; user 'alice' is frozen; user 'alice' is not a member of project 'nobodys'; if the project is new, register it at " + location + " first"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			tok, rec := mint(t, 1)
			req, more := upload(), []rootkeys.Change(nil)
			c.change(rec, &req, &more)
			h.apply(append(more, rootkeys.Change{Token: rec})...)
			if got := h.reasons(text(t, tok), req); !slices.Equal(got, c.want) {
				t.Errorf("reasons %v, want %v", got, c.want)
			}
			_, err := h.verifier.Verify(context.Background(), text(t, tok), req)
			var denial *verifier.Denial
			if errors.As(err, &denial) {
				checkDenial(t, denial, tok, c.message)
			}
		})
	}
}

// checkDenial holds the forms of a denial against each other, and against what
// may never be in one.
func checkDenial(t *testing.T, d *verifier.Denial, tok token.Token, message string) {
	t.Helper()
	if message != "" && d.Message() != message {
		t.Errorf("says %q, want %q", d.Message(), message)
	}
	if d.Error() != "verifier: denied: "+d.Message() || d.TokenID != tok.ID {
		t.Errorf("%q about token %q", d.Error(), d.TokenID)
	}
	if d.Reason() != d.Failures[0].Reason || !d.Has(d.Reason()) || d.Has(caveats.Unavailable) {
		t.Errorf("reason %s of %v", d.Reason(), d.Failures)
	}
	if body := text(t, tok); strings.Contains(d.Error(), body[len(body)-20:]) {
		t.Errorf("%q holds text of the token", d.Error())
	}
}

func TestEmptyDenialHasNoReason(t *testing.T) {
	if d := new(verifier.Denial); d.Reason() != "" || d.Has(caveats.Expired) || d.Message() != "" {
		t.Errorf("an empty denial says %q, %q", d.Reason(), d.Message())
	}
}

// A user's token works for exactly the projects that the user has today.
func TestMembershipIsTodays(t *testing.T) {
	h := newHouse(t)
	tok := text(t, h.issue(1))
	ask := func(want ...caveats.Reason) {
		t.Helper()
		if got := h.reasons(tok, upload()); !slices.Equal(got, want) {
			t.Fatalf("reasons %v, want %v", got, want)
		}
	}
	ask()
	h.apply(rootkeys.Change{Project: &rootkeys.Project{ID: demo, Name: "demo", Members: map[string]string{bob: "owner"}}})
	ask(caveats.NotAMember)
	h.apply(rootkeys.Change{Project: &rootkeys.Project{ID: demo, Name: "demo", Members: map[string]string{bob: "owner", alice: "maintainer"}}})
	ask()
	h.apply(rootkeys.Change{User: &rootkeys.User{ID: alice, Name: "alice", Frozen: true}})
	ask(caveats.UserFrozen)
	h.apply(rootkeys.Change{User: &rootkeys.User{ID: alice, Name: "alice"}})
	ask()
}

func TestMappedAddressIsTheAddress(t *testing.T) {
	h := newHouse(t)
	tok := text(t, h.issue(1, caveats.Networks{"203.0.113.0/24"}))
	req := upload()
	req.ClientIP = netip.MustParseAddr("::ffff:203.0.113.9")
	if got := h.reasons(tok, req); got != nil {
		t.Errorf("denied: %v", got)
	}
	req.ClientIP = netip.MustParseAddr("::ffff:198.51.100.9")
	if got := h.reasons(tok, req); !slices.Equal(got, []caveats.Reason{caveats.WrongNetwork}) {
		t.Errorf("reasons %v", got)
	}
}

func TestUnknownToken(t *testing.T) {
	h := newHouse(t)
	tok, _ := mint(t, 1)
	if got := h.reasons(text(t, tok), upload()); !slices.Equal(got, []caveats.Reason{caveats.UnknownToken}) {
		t.Errorf("reasons %v", got)
	}
	// An identifier that is no UUID was never issued; it could be anything, so it
	// doesn't get into the denial.
	tok.ID = "not-a-uuid"
	_, err := h.verifier.Verify(context.Background(), text(t, tok), upload())
	var d *verifier.Denial
	if !errors.As(err, &d) || d.Reason() != caveats.UnknownToken || d.TokenID != "" {
		t.Errorf("%v", err)
	}
}
