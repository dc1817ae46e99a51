package rootkeys

import (
	"bytes"
	"math"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/scratch"
)

// lastCopy is a copy that was made last, for the next token of the same owner and project.
type lastCopy struct {
	user   [16]byte
	name   string
	copied *copied
	known  bool
}

// copyFor is what a token copies, nil where it is not for one project of which its owner is
// a member.
func (w *writer) copyFor(t *Token, user [16]byte) (*copied, error) {
	name := onlyProject(t.Caveats)
	if name == "" {
		return nil, nil
	}
	if c := &w.copied; c.known && c.user == user && c.name == string(name) {
		return c.copied, nil
	}
	c, err := w.makeCopy(string(name), user)
	if err == nil {
		w.copied = lastCopy{user, string(name), c, true}
	}
	return c, err
}

func (w *writer) makeCopy(name string, user [16]byte) (*copied, error) {
	claims, err := w.claims(name)
	if err != nil || len(claims) != 1 {
		return nil, err
	}
	m, ok, err := w.memberOf(&claims[0], user)
	if err != nil || !ok {
		return nil, err
	}
	u, err := w.userRecord(user)
	if err != nil || u == nil || u.flags&isAbsent != 0 {
		return nil, err
	}
	return &copied{m.number, claims[0].id, []byte(name), []byte(u.name)}, nil
}

// onlyProject is the name of the project that a token is for, "" where it is for several or none.
func onlyProject(issued [][]byte) string {
	for _, c := range issued {
		rest, ok := bytes.CutPrefix(c, []byte(`[1,["`))
		if !ok {
			continue
		}
		name, ok := bytes.CutSuffix(rest, []byte(`"]]`))
		if !ok || bytes.ContainsAny(name, `",\`) || len(name) > maxText {
			return ""
		}
		return string(name)
	}
	return ""
}

// spanOf is when the caveats of a token hold, where they ask for its owner, the one project that was
// copied, and the time alone; ok is false where they ask for more, or there are restrictions. To
// read them with each check would be an eighth of its cost.
func spanOf(t *Token, c *copied) (span scratch.Span, ok bool) {
	if len(t.Restrictions) > 0 {
		return span, false
	}
	facts := caveats.Request{UserID: t.UserID, Project: string(c.name), ProjectID: uuidText(c.project[:])}
	span = scratch.Span{Begin: math.MinInt64, End: math.MaxInt64}
	for i, raw := range t.Caveats {
		if bytes.HasPrefix(raw, []byte("[0,")) {
			parsed, err := caveats.Parse(raw)
			life, is := parsed.(caveats.Life)
			if err != nil || !is {
				return span, false
			}
			span.Begin, span.End = max(span.Begin, life.NotBefore), min(span.End, life.ExpiresAt)
			continue
		}
		if len(caveats.Check(t.Caveats[i:i+1], facts)) > 0 {
			return span, false
		}
	}
	return span, true
}
