package projects

import (
	"context"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/issuer/ledger"
)

// Limits of what a project says about itself.
const (
	MaxDescription = 500 // characters
	MaxHomepage    = 500 // bytes
)

// About is what a project says about itself, for people to read; no decision depends on it.
type About struct {
	Description string `json:"description,omitempty"` // one line or several; may be ""
	Homepage    string `json:"homepage,omitempty"`    // http or https URL with a host and without a user or password; may be ""
}

// Describe changes what a project says about itself; only its owners may. It drops white
// space around the texts, and writes nothing if they are the same as before. The problems
// have the fields "description" and "homepage".
func (s *Service) Describe(ctx context.Context, p ledger.Principal, project string, about About) (uint64, error) {
	var ps problem.Problems
	about = checkAbout(&ps, about)
	return s.Manage(ctx, p, project, func(c *ledger.Change, rec Record) error {
		if err := ps.Err(); err != nil || rec.About == about {
			return err
		}
		detail := map[string]string{"project": rec.Name, "description": about.Description, "homepage": about.Homepage}
		if was := rec.About; was != (About{}) {
			detail["was_description"], detail["was_homepage"] = was.Description, was.Homepage
		}
		rec.About = about
		if err := putProject(c, rec); err != nil {
			return err
		}
		return c.Audit(p, audit.Event{Kind: "project.described", Project: rec.ID, Detail: detail})
	})
}

func checkAbout(ps *problem.Problems, in About) (out About) {
	out.Description = strings.ReplaceAll(strings.TrimSpace(in.Description), "\r\n", "\n")
	switch {
	case !utf8.ValidString(out.Description), strings.ContainsFunc(strings.ReplaceAll(out.Description, "\n", ""), text.Disruptive):
		ps.Add("description", "description_invalid")
	case utf8.RuneCountInString(out.Description) > MaxDescription:
		ps.Add("description", "description_too_long", "max", MaxDescription)
	}
	out.Homepage = strings.TrimSpace(in.Homepage)
	if out.Homepage == "" {
		return out
	}
	if len(out.Homepage) > MaxHomepage {
		ps.Add("homepage", "homepage_too_long", "max", MaxHomepage)
	} else if !validHomepage(out.Homepage) {
		ps.Add("homepage", "homepage_invalid")
	}
	return out
}

// validHomepage reports whether a browser opens the URL as a page of a host.
func validHomepage(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil &&
		utf8.ValidString(s) && !strings.ContainsFunc(s, text.Disruptive) && !strings.ContainsAny(s, " \\")
}
