// Package verifierstatus says whether a root-key store may decide, and if not, why, and how current it is: over HTTP for a
// store that a follower updates, and directly for a store that no follower updates.
package verifierstatus

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/verifier/replication"
)

// Status is what a verifier says about itself, as JSON. All fields are always there.
type Status struct {
	Usable       bool     `json:"usable"`
	Parted       bool     `json:"other_history"`
	Issuer       string   `json:"issuer"`    // address; "" where nobody follows
	IssuerID     string   `json:"issuer_id"` // "" where the store is new
	Epoch        uint64   `json:"epoch"`
	Revision     uint64   `json:"revision"`
	Head         uint64   `json:"issuer_revision"` // as far as is known
	Lag          uint64   `json:"lag"`
	HeardAt      string   `json:"heard_from_issuer_at"` // RFC 3339; "": never
	Age          *float64 `json:"age_seconds"`          // null where it can't be told
	MaxStaleness float64  `json:"max_staleness_seconds"`
	Connected    string   `json:"connected_since"`            // RFC 3339; "": it is not
	Ahead        float64  `json:"issuer_clock_ahead_seconds"` // of the verifier's
	Uses         int      `json:"uses_waiting"`
	Dropped      uint64   `json:"uses_dropped"`
	Error        string   `json:"last_error"`
}

// otherHistory is the message for a store that decides nothing because it learned of another
// history.
const otherHistory = "the issuer has a different history than this store, so one of the two was restored from a backup: run 'rind restored' on the issuer, or 'rind verifier reset' here"

// Print writes the status for people.
func (v Status) Print(w io.Writer) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", name+":", text.Line(fmt.Sprintf(format, args...)))
	}
	line("usable", "%s", map[bool]string{true: "yes", false: "no"}[v.Usable])
	if v.Issuer != "" {
		line("issuer", "%s", v.Issuer)
	}
	line("revision", "%d of %d, %d behind", v.Revision, v.Head, v.Lag)
	line("history", "epoch %d of %s", v.Epoch, either(v.IssuerID, "no issuer yet"))
	age := "age unknown"
	if v.Age != nil {
		age = (time.Duration(*v.Age * float64(time.Second))).Round(time.Second).String() + " ago"
	}
	line("heard", "%s, %s; %s is allowed", either(v.HeardAt, "never"), age, time.Duration(v.MaxStaleness*float64(time.Second)))
	if v.Issuer != "" {
		line("connected", "%s", either(v.Connected, "no"))
	}
	if ahead := time.Duration(v.Ahead * float64(time.Second)); ahead.Abs() > 5*time.Second {
		line("clocks", "the issuer's clock is ahead by %s", ahead.Round(time.Second))
	}
	if v.Uses > 0 || v.Dropped > 0 {
		line("uses", "%d wait for a report, %d were dropped", v.Uses, v.Dropped)
	}
	if v.Error != "" {
		line("error", "%s", v.Error)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Of returns the status of a follower of the issuer at an address.
func Of(s replication.Status, issuer string, maxStaleness time.Duration) Status {
	v := Status{
		Usable: s.Usable, Parted: s.Parted, Issuer: issuer, IssuerID: s.Position.Issuer, Epoch: s.Position.Epoch,
		Revision: s.Position.Revision, Head: s.Head, Lag: s.Lag, HeardAt: stamp(s.Heard),
		MaxStaleness: maxStaleness.Seconds(), Connected: stamp(s.Connected),
		Ahead: s.Ahead.Round(time.Millisecond).Seconds(), Uses: s.Uses, Dropped: s.Dropped,
	}
	if s.Age >= 0 {
		seconds := s.Age.Round(time.Millisecond).Seconds()
		v.Age = &seconds
	}
	if s.Err != nil {
		v.Error = s.Err.Error()
	}
	return v
}

// stamp is a time as RFC 3339, "" where it is zero.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// either returns the first text, or the other one if the first is empty.
func either(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
