package main

import (
	"time"

	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/inspect"
	"github.com/rind-dev/rind/internal/text"
)

type inspectCmd struct {
	tokenInput
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Help documents the JSON object.
func (inspectCmd) Help() string {
	return `The JSON object has verified (always false), id, location, made_at (what the id says; null if it says nothing), user_id (null if there is none, or several), ` +
		`all_projects, projects (names that all caveats allow), project_ids (as projects), not_before and expires_at (null: no bound), ` +
		`expired (by this machine's clock), problems (why no verifier of this version accepts the token; empty if nothing is seen), ` +
		`and caveats: raw, words, tag (null if malformed), added_by ("issuer" or "holder" by place and form, "unclear" if those don't tell), known, malformed. Times are RFC 3339 in UTC.`
}

// Run prints what the token says.
func (c inspectCmd) Run(s streams) error {
	tokenText, err := c.read(s)
	if err != nil {
		return err
	}
	t, err := token.Parse(tokenText)
	if err != nil {
		return explain(err)
	}
	now := time.Now()
	in := inspect.Inspect(t, now)
	if c.JSON {
		return text.JSON(s.out, in)
	}
	return in.Print(s.out, now)
}
