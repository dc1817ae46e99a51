// Package inspect reads what a token says about itself, for people who hold one. It verifies nothing: package
// verifier does.
package inspect

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

// Inspection is what a token says about itself. Nothing in it was verified.
type Inspection struct {
	Verified    bool       `json:"verified"` // always false
	ID          string     `json:"id"`
	Location    string     `json:"location"`
	Made        *time.Time `json:"made_at"`
	User        *string    `json:"user_id"`
	AllProjects bool       `json:"all_projects"` // no caveat is about projects
	Projects    []string   `json:"projects"`
	ProjectIDs  []string   `json:"project_ids"`
	Begins      *time.Time `json:"not_before"`
	Ends        *time.Time `json:"expires_at"`
	Expired     bool       `json:"expired"`
	Problems    []string   `json:"problems"`
	Caveats     []Caveat   `json:"caveats"`
}

// Caveat is one caveat of a token.
type Caveat struct {
	Raw     string `json:"raw"`
	Words   string `json:"words"`
	Tag     *int   `json:"tag"`
	AddedBy Origin `json:"added_by"`
	Known   bool   `json:"known"`
	Broken  bool   `json:"malformed"`
}

// Origin says who added a caveat, as far as its place and form tell.
type Origin string

// The origins.
const (
	ByIssuer Origin = "issuer"
	ByHolder Origin = "holder"
	Unclear  Origin = "unclear"
)

// Inspect reads a token at the time now.
func Inspect(t token.Token, now time.Time) Inspection {
	in := Inspection{
		ID: t.ID, Location: t.Location, Made: madeAt(t.ID), AllProjects: true,
		Projects: []string{}, ProjectIDs: []string{}, Problems: []string{}, Caveats: []Caveat{},
	}
	sum := summary{in: &in}
	origins := originsOf(t, in.Made)
	for i, raw := range t.Caveats {
		c, err := caveats.Parse(raw)
		ic := Caveat{Raw: printable(raw), Words: "malformed", AddedBy: origins[i], Known: err == nil, Broken: c == nil}
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

// madeAt returns the time in an identifier that is a UUID of version 7, as issuers
// write it (RFC 9562 §5.7), or nil for any other.
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

// originsOf tells who added each caveat. An issuer writes, without white space,
// the user, then names and ids of projects together, then a life that begins
// issuer.Skew before the token was made, then limits. A life in that place that
// begins at another time may come from a holder, and so may limits. A token that
// does not begin with a user comes from another kind of issuer, and tells nothing.
func originsOf(t token.Token, made *time.Time) []Origin {
	out := slices.Repeat([]Origin{ByHolder}, len(t.Caveats))
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
		return slices.Repeat([]Origin{Unclear}, len(t.Caveats))
	}
	out[at] = ByIssuer
	at++
	if names, ok := next().(caveats.ProjectNames); ok {
		at++
		ids, ok := next().(caveats.ProjectIDs)
		if !ok || len(ids) != len(names) {
			return out
		}
		out[at-1], out[at] = ByIssuer, ByIssuer
		at++
	}
	if life, ok := next().(caveats.Life); ok {
		out[at] = Unclear
		// Both times were cut to seconds, one after the other.
		if made != nil && uint64(life.NotBefore-made.Add(-tokens.Skew).Unix()) <= 1 {
			out[at] = ByIssuer
		}
		at++
	}
	for last := caveats.TagVersions - 1; ; at++ { // the issuer's limits, or a holder's in the same order
		c := next()
		if c == nil || c.Tag() <= last || !limit(c) {
			return out
		}
		out[at], last = Unclear, c.Tag()
	}
}

// limit reports whether a caveat is one of those that an issuer writes last, each once
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
