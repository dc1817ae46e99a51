package rootkeys

import (
	"bytes"
	"math"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/scratch"
)

// copies keeps the copies that were made, for the next tokens of the same owners and projects:
// in a snapshot, tokens come in the order of time, and each has another owner.
type copies struct {
	last copyKey
	copy *newCopy // for last; nil: there is none
	is   bool
	all  map[copyKey]*newCopy
}

type copyKey struct {
	user [16]byte
	name string // of the project
}

// maxCopies bounds the memory of copies to a few MB.
const maxCopies = 16_384

func (c *copies) find(user [16]byte, name []byte) (_ *newCopy, ok bool) {
	if c.is && c.last.user == user && c.last.name == string(name) {
		return c.copy, true
	}
	found, ok := c.all[copyKey{user, string(name)}]
	if ok {
		c.last, c.copy, c.is = copyKey{user, string(name)}, found, true
	}
	return found, ok
}

func (c *copies) put(user [16]byte, name string, made *newCopy) {
	c.last, c.copy, c.is = copyKey{user, name}, made, true
	if len(c.all) >= maxCopies {
		c.all = nil
	}
	if c.all == nil {
		c.all = map[copyKey]*newCopy{}
	}
	c.all[c.last] = made
}

// forget is called with each change of a user or a project.
func (c *copies) forget() {
	if c.is || len(c.all) > 0 {
		*c = copies{}
	}
}

// newCopy is a copy for a token being written, and the facts that it holds.
type newCopy struct {
	copied
	facts caveats.Request
}

// copyFor is what a token copies, or nil unless the token is for one project whose members
// include its owner.
func (w *writer) copyFor(t *Token, user [16]byte) (*newCopy, error) {
	name := onlyProject(t.Caveats)
	if len(name) == 0 {
		return nil, nil
	}
	if c, ok := w.copies.find(user, name); ok {
		return c, nil
	}
	c, err := w.makeCopy(string(name), user)
	if err == nil {
		w.copies.put(user, string(name), c)
	}
	return c, err
}

func (w *writer) makeCopy(name string, user [16]byte) (*newCopy, error) {
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
	id := claims[0].id
	c := copied{m.number, id, []byte(name), []byte(u.name)}
	return &newCopy{c, caveats.Request{UserID: uuidText(user[:]), Project: name, ProjectID: uuidText(id[:])}}, nil
}

// onlyProject is the name of the one project that a token is for, or empty if it is for several or none.
func onlyProject(issued [][]byte) []byte {
	for _, c := range issued {
		rest, ok := bytes.CutPrefix(c, []byte(`[1,["`))
		if !ok {
			continue
		}
		name, ok := bytes.CutSuffix(rest, []byte(`"]]`))
		if !ok || bytes.ContainsAny(name, `",\`) || len(name) > maxText {
			return nil
		}
		return name
	}
	return nil
}

// spanOf is when the caveats of a token hold, if they depend only on its owner, the one project that
// was copied, and the time; ok is false if they depend on more, or if there are restrictions. Reading
// them in each check would be an eighth of its cost.
func spanOf(t *Token, c *newCopy) (span scratch.Span, ok bool) {
	if len(t.Restrictions) > 0 {
		return span, false
	}
	span = scratch.Span{Begin: math.MinInt64, End: math.MaxInt64}
	for i, raw := range t.Caveats {
		if bytes.HasPrefix(raw, []byte("[0,")) {
			life, is := caveats.ParseLife(raw)
			if !is {
				return span, false
			}
			span.Begin, span.End = max(span.Begin, life.NotBefore), min(span.End, life.ExpiresAt)
			continue
		}
		if len(caveats.Check(t.Caveats[i:i+1], c.facts)) > 0 {
			return span, false
		}
	}
	return span, true
}
