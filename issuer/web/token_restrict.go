package web

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

// readLimits reads the limits from the form.
func readLimits(f url.Values) tokens.Limits {
	list := func(field string) []string {
		return strings.FieldsFunc(f.Get(field), func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
	}
	return tokens.Limits{Versions: list("versions"), Networks: list("networks"), Actions: list("actions")}
}

// typedLimits returns what was typed into the fields for limits.
func typedLimits(f url.Values) ui.LimitsForm {
	return ui.LimitsForm{Versions: f.Get("versions"), Networks: f.Get("networks"), Existing: f.Get("actions") != ""}
}

func shownLimits(l tokens.Limits) ui.Limits {
	return ui.Limits{
		Versions: l.Versions, Networks: l.Networks,
		Existing: len(l.Actions) > 0 && !slices.Contains(l.Actions, caveats.ActionCreate),
	}
}

// canDo describes what a token can do besides its projects and its life.
func canDo(t tokens.Token) ui.Limits {
	l := shownLimits(t.Limits)
	l.Registers = t.Registers
	return l
}

// restrictPage shows the form with what was typed.
func (s *tokenServer) restrictPage(v *visit, status int, l ui.Layout) error {
	t, err := s.ownedToken(v)
	if err != nil {
		return err
	}
	f := v.form
	page := ui.TokenRestrictPage{Layout: l, Token: tokenRow(t), Expires: f.Get("expires"), Limits: typedLimits(f)}
	names := projectNames(t.Projects)
	if t.Scope == tokens.ScopeAll {
		projects, err := s.projects.List(v.Request().Context(), v.user.ID)
		if err != nil {
			return err
		}
		for _, p := range projects {
			names = append(names, p.Name)
		}
	}
	for _, name := range names {
		page.Projects = append(page.Projects, ui.ProjectChoice{Name: name, Checked: slices.Contains(f["projects"], name)})
	}
	return v.render(status, page)
}

func (s *tokenServer) restrictToken(v *visit) error {
	t, err := s.ownedToken(v)
	if err != nil {
		return err
	}
	ctx, f := v.Request().Context(), v.form
	end, date := endOf(f.Get("expires"))
	req := tokens.RestrictRequest{Projects: f["projects"], Expires: end, Limits: readLimits(f)}
	if !date {
		req.Expires = time.Unix(0, 0) // this will be refused together with other problems
	}
	_, revision, err := s.tokens.Restrict(ctx, v.principal(), t.ID, req)
	if err != nil {
		return withDate(err, date)
	}
	return v.confirmed("token_restricted", s.confirm(ctx, revision))
}
