package verifier_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// Only the record of a token lets it create a project that does not exist, and nothing that its text says or leaves out. What
// its holder added can forbid that.
func TestCreate(t *testing.T) {
	h := newHouse(t)
	plain, plainRecord := mint(t, 1)
	able, ableRecord := mint(t, 2)
	ableRecord.Registers = true
	h.apply(rootkeys.Change{Token: plainRecord}, rootkeys.Change{Token: ableRecord},
		rootkeys.Change{Project: &rootkeys.Project{ID: tokenID(9), Name: "bobs", Members: map[string]string{bob: "owner"}}})
	asPlain, asAble := text(t, plain), text(t, able)
	for _, c := range []struct {
		what, text, action, project string
		want                        []caveats.Reason
	}{
		{"the record allows it", asAble, caveats.ActionCreate, "new", nil},
		{"it does not", asPlain, caveats.ActionCreate, "new", []caveats.Reason{caveats.NotAMember}},
		{"an upload creates nothing by itself", asAble, caveats.ActionUpload, "new", []caveats.Reason{caveats.NotAMember}},
		{"nor does a staged release", asAble, caveats.ActionStage, "new", []caveats.Reason{caveats.NotAMember}},
		{"somebody has the project", asAble, caveats.ActionCreate, "bobs", []caveats.Reason{caveats.NotAMember}},
		{"no project", asAble, caveats.ActionCreate, "", []caveats.Reason{caveats.WrongProject}},
		{"no name of a project", asAble, caveats.ActionCreate, "a/b", []caveats.Reason{caveats.WrongProject}},
		{"the holder names the project", narrow(t, asAble, caveats.ProjectNames{"new"}), caveats.ActionCreate, "new", nil},
		{"the holder names the action", narrow(t, asAble, caveats.Actions{caveats.ActionCreate}), caveats.ActionCreate, "new", nil},
		{"a caveat adds nothing", narrow(t, asPlain, caveats.Actions{caveats.ActionCreate}), caveats.ActionCreate, "new", []caveats.Reason{caveats.NotAMember}},
		{"the holder names another", narrow(t, asAble, caveats.ProjectNames{"demo"}), caveats.ActionCreate, "new", []caveats.Reason{caveats.WrongProject}},
		{"the holder names ids, and a new project has none yet", narrow(t, asAble, caveats.ProjectIDs{demo}), caveats.ActionCreate, "new", []caveats.Reason{caveats.WrongProject}},
		{"the holder allows uploads only", narrow(t, asAble, caveats.Actions{caveats.ActionUpload}), caveats.ActionCreate, "new", []caveats.Reason{caveats.WrongAction}},
		{"the holder ended it", narrow(t, asAble, caveats.Life{ExpiresAt: now.Unix()}), caveats.ActionCreate, "new", []caveats.Reason{caveats.Expired}},
	} {
		req := upload()
		req.Action, req.Project = c.action, c.project
		if got := h.reasons(c.text, req); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
	req := upload()
	req.Action, req.Project = caveats.ActionCreate, "New"
	grant, err := h.verifier.Verify(t.Context(), asAble, req)
	if err != nil || grant.Project != "new" || grant.ProjectID != "" || grant.Action != caveats.ActionCreate || grant.UserID != alice {
		t.Errorf("%+v, %v", grant, err)
	}
	for what, change := range map[string]func(*rootkeys.Token){
		"restricted on the server": func(r *rootkeys.Token) { r.Restrictions = [][]byte{caveats.Actions{caveats.ActionUpload}.Append(nil)} },
		"taken back":               func(r *rootkeys.Token) { r.Registers = false },
		"revoked":                  func(r *rootkeys.Token) { r.RevokedAt = now.Add(-time.Minute) },
	} {
		changed := *ableRecord
		change(&changed)
		h := newHouse(t)
		h.apply(rootkeys.Change{Token: &changed})
		if h.reasons(asAble, req) == nil {
			t.Errorf("%s: allowed", what)
		}
	}
}

// The words are the same for a project of others and for one that does not exist, and say what to do, unless the token is for
// other projects.
func TestWordsForANewProject(t *testing.T) {
	h := newHouse(t)
	h.apply(rootkeys.Change{Project: &rootkeys.Project{ID: tokenID(9), Name: "bobs", Members: map[string]string{bob: "owner"}}})
	tok := text(t, h.issue(1))
	said := func(text, project string) string {
		req := upload()
		req.Project = project
		_, err := h.verifier.Verify(t.Context(), text, req)
		d, _ := err.(*verifier.Denial)
		return d.Message()
	}
	a, b := said(tok, "bobs"), said(tok, "nobodys")
	if !strings.HasSuffix(a, "; if the project is new, register it at "+location+" first") || strings.ReplaceAll(a, "bobs", "nobodys") != b {
		t.Errorf("%q and %q", a, b)
	}
	if got := said(narrow(t, tok, caveats.ProjectNames{"demo"}), "nobodys"); !strings.HasPrefix(got, "token is valid for project 'demo', not for 'nobodys'") || strings.Contains(got, "register") {
		t.Error(got)
	}
}
