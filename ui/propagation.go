package ui

import (
	"strings"
	"time"
)

// Propagation is the list of verifiers that have, or lack, a change that was just made.
type Propagation struct {
	Connected int           `json:"connected"` // connected verifiers, including this server's own
	Applied   int           `json:"applied"`   // connected verifiers that have the change
	Took      time.Duration `json:"took"`      // time until the last of these had it
	Here      bool          `json:"here"`      // this server's own verifier lacks it
	Behind    []string      `json:"behind"`    // other connected verifiers that lack it
	Away      []string      `json:"away"`      // verifiers that lack it and are not connected now
	More      int           `json:"more"`      // how many more lack it, beyond those named
}

// Missing reports whether some verifier may not know of the change yet.
func (r Propagation) Missing() bool { return r.Here || len(r.Behind)+len(r.Away)+r.More > 0 }

// maxPropagationNames is how many verifiers a notice names.
const maxPropagationNames = 8

// Short returns a Propagation with no more names than fit into a notice, and counts the rest.
func (r Propagation) Short() Propagation {
	cut := func(names []string, room int) []string {
		if len(names) > room {
			r.More += len(names) - room
			names = names[:room]
		}
		return names
	}
	r.Behind = cut(r.Behind, maxPropagationNames)
	r.Away = cut(r.Away, maxPropagationNames-len(r.Behind))
	return r
}

// propagation formats a Propagation: "3 of 3 verifiers have it, in 41 ms."
func (c *catalogue) propagation(r Propagation) string {
	if r.Connected == 0 {
		return ""
	}
	args := Args{"applied": r.Applied, "connected": r.Connected, "took": c.took(r.Took)}
	if !r.Missing() {
		return c.must("propagation.all", args)
	}
	out := []string{c.must("propagation.some", args)}
	behind := r.Behind
	if r.Here {
		behind = append([]string{c.must("propagation.here", nil)}, behind...)
	}
	if len(behind) > 0 {
		out = append(out, c.must("propagation.behind", Args{"names": behind}))
	}
	if len(r.Away) > 0 {
		out = append(out, c.must("propagation.away", Args{"names": r.Away}))
	}
	if r.More > 0 {
		out = append(out, c.must("propagation.more", Args{"n": r.More}))
	}
	return strings.Join(append(out, c.must("propagation.bound", nil)), " ")
}

// took formats a short duration: "41 ms", "2 seconds".
func (c *catalogue) took(d time.Duration) string {
	if d < time.Second {
		return c.must("time.milliseconds", Args{"n": int(max(1, (d+time.Millisecond/2)/time.Millisecond))})
	}
	return c.length(d)
}
