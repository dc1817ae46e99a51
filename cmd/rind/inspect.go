package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/issuer/tokens"
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

// inspection is what a token says of itself. Nothing in it was verified.
type inspection struct {
	Verified    bool              `json:"verified"` // always false
	ID          string            `json:"id"`
	Location    string            `json:"location"`
	Made        *time.Time        `json:"made_at"`
	User        *string           `json:"user_id"`
	AllProjects bool              `json:"all_projects"` // no caveat is about projects
	Projects    []string          `json:"projects"`
	ProjectIDs  []string          `json:"project_ids"`
	Begins      *time.Time        `json:"not_before"`
	Ends        *time.Time        `json:"expires_at"`
	Expired     bool              `json:"expired"`
	Problems    []string          `json:"problems"`
	Caveats     []inspectedCaveat `json:"caveats"`
}

// inspectedCaveat is one caveat in its order.
type inspectedCaveat struct {
	Raw     string `json:"raw"`
	Words   string `json:"words"`
	Tag     *int   `json:"tag"`
	AddedBy origin `json:"added_by"`
	Known   bool   `json:"known"`
	Broken  bool   `json:"malformed"`
}

// origin is who put a caveat there, as far as its place and form tell.
type origin string

const (
	byIssuer origin = "issuer"
	byHolder origin = "holder"
	unclear  origin = "unclear"
)

// Run prints what the token says.
func (c inspectCmd) Run(s streams) error {
	text, err := c.read(s)
	if err != nil {
		return err
	}
	t, err := token.Parse(text)
	if err != nil {
		return explain(err)
	}
	now := time.Now()
	in := inspect(t, now)
	if c.JSON {
		return printJSON(s.out, in)
	}
	return in.print(s.out, now)
}

// inspect reads a token at the time now.
func inspect(t token.Token, now time.Time) inspection {
	in := inspection{
		ID: t.ID, Location: t.Location, Made: madeAt(t.ID), AllProjects: true,
		Projects: []string{}, ProjectIDs: []string{}, Problems: []string{}, Caveats: []inspectedCaveat{},
	}
	sum := summary{in: &in}
	origins := originsOf(t, in.Made)
	for i, raw := range t.Caveats {
		c, err := caveats.Parse(raw)
		ic := inspectedCaveat{Raw: printable(raw), Words: "malformed", AddedBy: origins[i], Known: err == nil, Broken: c == nil}
		if c != nil {
			ic.Words = c.String()
		}
		switch tag := 0; {
		case err == nil:
			tag = c.Tag()
			ic.Tag = &tag
			sum.narrow(c)
		case errors.Is(err, caveats.ErrUnknown):
			sum.problem("caveat %d is %s", i+1, ic.Words)
		default:
			sum.problem("caveat %d is malformed%s", i+1, strings.TrimPrefix(err.Error(), caveats.ErrMalformed.Error()))
		}
		in.Caveats = append(in.Caveats, ic)
	}
	sum.end(now)
	return in
}

// madeAt is the time in an identifier that is a UUID of version 7, as issuers
// write it (RFC 9562 §5.7); nil in any other.
func madeAt(id string) *time.Time {
	u, err := uuid.Parse(id)
	if err != nil || u.Version() != 7 || !caveats.ValidUUID(id) {
		return nil
	}
	var ms int64
	for _, b := range u[:6] {
		ms = ms<<8 | int64(b)
	}
	at := time.UnixMilli(ms).UTC()
	if at.Year() > 9999 {
		return nil
	}
	return &at
}

// originsOf tells who put each caveat there. An issuer writes, without white
// space, the user, then names and ids of projects together, then a life that
// begins issuer.Skew before the token was made, then limits. A life in that place
// which begins at another time may be a holder's, and so may limits. A token that does not begin with a user is
// of another kind of issuer, and tells nothing.
func originsOf(t token.Token, made *time.Time) []origin {
	out := slices.Repeat([]origin{byHolder}, len(t.Caveats))
	at := 0
	next := func() caveats.Caveat {
		if at >= len(t.Caveats) {
			return nil
		}
		c, err := caveats.Parse(t.Caveats[at])
		if err != nil || !bytes.Equal(c.Append(nil), t.Caveats[at]) {
			return nil
		}
		return c
	}
	if _, ok := next().(caveats.User); !ok {
		return slices.Repeat([]origin{unclear}, len(t.Caveats))
	}
	out[at] = byIssuer
	at++
	if names, ok := next().(caveats.ProjectNames); ok {
		at++
		ids, ok := next().(caveats.ProjectIDs)
		if !ok || len(ids) != len(names) {
			return out
		}
		out[at-1], out[at] = byIssuer, byIssuer
		at++
	}
	if life, ok := next().(caveats.Life); ok {
		out[at] = unclear
		// Both times were cut to seconds, one after the other.
		if made != nil && uint64(life.NotBefore-made.Add(-tokens.Skew).Unix()) <= 1 {
			out[at] = byIssuer
		}
		at++
	}
	for last := caveats.TagVersions - 1; ; at++ { // limits of the issuer's, or of a holder's in the same order
		c := next()
		if c == nil || c.Tag() <= last || !limit(c) {
			return out
		}
		out[at], last = unclear, c.Tag()
	}
}

// limit tells whether a caveat is one of those that an issuer writes last, each once
// and in the order of their tags: versions, networks, actions.
func limit(c caveats.Caveat) bool {
	switch c.(type) {
	case caveats.Versions, caveats.Networks, caveats.Actions:
		return true
	}
	return false
}

// printable keeps bytes that a terminal would act on out of the output.
func printable(raw []byte) string {
	q := fmt.Sprintf("%+q", raw)
	return strings.ReplaceAll(strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`), `\\`, `\`)
}
