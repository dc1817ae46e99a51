package verifier_test

import (
	"testing"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// TestVectors runs the published cases as they are described: the store on disk
// holds the one token, its user, and the project of the request under its id.
func TestVectors(t *testing.T) {
	f := readVectors(t)
	if len(f.Cases) < 57+57 {
		t.Fatalf("%d cases, there are at least 57 and 57", len(f.Cases))
	}
	for _, v := range f.Cases {
		t.Run(v.Name, func(t *testing.T) {
			h := emptyHouse(t)
			h.apply(v.changes(t, f.Location)...)
			got := h.reasons(v.Token, v.request(t))
			switch {
			case v.Expect == "allow" && got != nil:
				t.Errorf("denied: %v", got)
			case v.Expect == "deny" && (len(got) != 1 || got[0] != caveats.Reason(v.Reason)):
				t.Errorf("reasons %v, want %s", got, v.Reason)
			case v.Expect != "allow" && v.Expect != "deny":
				t.Errorf("expects %q", v.Expect)
			}
		})
	}
}

// changes is what the store knows in this case.
func (v vector) changes(t *testing.T, location string) []rootkeys.Change {
	t.Helper()
	id := tokenID(999)
	if tok, err := token.Parse(v.Token); err == nil {
		id = tok.ID
	}
	issued := make([][]byte, len(v.IssuedCaveats))
	for i, c := range v.IssuedCaveats {
		issued[i] = []byte(c)
	}
	tok, err := token.Mint(v.rootKey(t), id, location, issued)
	if err != nil {
		t.Fatal(err)
	}
	rec := record(tok)
	rec.UserID = v.UserID
	changes := []rootkeys.Change{
		{Token: rec},
		{User: &rootkeys.User{ID: v.UserID, Name: "alice"}},
	}
	if q := v.Request; q.ProjectID != "" {
		p := rootkeys.Project{ID: q.ProjectID, Name: caveats.NormalizeProject(q.Project), Members: map[string]string{v.UserID: "maintainer"}}
		changes = append(changes, rootkeys.Change{Project: &p})
	}
	return changes
}
