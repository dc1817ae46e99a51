package issuertest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/issuer"
)

// Post reads the notices to the users of a House.
type Post struct {
	of   *House
	skew time.Duration
}

// PostOf returns the Post of a House that was made with [WithNotices].
func PostOf(h *House) *Post { return &Post{of: h} }

// WithNotices is the option that makes a House store notices to its users.
func WithNotices(c *issuer.Config) {
	c.Notices = notices.New(c.Store, c.Clock, nil)
}

// Restart opens the same store again.
func (p *Post) Restart() {
	p.of.Helper()
	p.of.Check(p.of.Store.Close())
	p.of.Open(WithNotices)
}

// Notices returns the notices since its last call, sorted, each as "kind user label", or with the
// project if there is no label.
func (p *Post) Notices() (out []string) {
	p.of.Helper()
	for _, n := range p.Heard() {
		who := map[string]string{AliceID: "alice", BobID: "bob", CarolID: "carol"}[n.User]
		what := n.Details.Label
		if what == "" {
			what = n.Details.Project
		}
		out = append(out, strings.Join([]string{string(n.Kind), who, what}, " "))
	}
	slices.Sort(out)
	return out
}

// Heard takes all waiting notices out of the store, and returns them.
func (p *Post) Heard() (out []notices.Notice) {
	p.of.Helper()
	p.skew += time.Hour // so that no earlier mail is recent enough to delay these
	far := notices.New(p.of.Store, func() time.Time { return p.of.Clock.Now().Add(p.skew) }, nil)
	_, err := far.Pass(p.of.Context(), func(_ context.Context, b notices.Batch) (func(kv.Tx) error, error) {
		out = append(out, b.Notices...)
		return nil, nil
	})
	p.of.Check(err)
	return out
}

// WantNotices checks that Notices returns want.
func (p *Post) WantNotices(want ...string) {
	p.of.Helper()
	if got := p.Notices(); !slices.Equal(got, want) {
		p.of.Errorf("told %q, want %q", got, want)
	}
}
