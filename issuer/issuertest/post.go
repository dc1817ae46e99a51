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

// Post is what the people of a House hear of.
type Post struct {
	of   *House
	skew time.Duration
}

// PostOf is the post of a House that was made with [WithNotices].
func PostOf(h *House) *Post { return &Post{of: h} }

// WithNotices is the option that makes people hear of things.
func WithNotices(c *issuer.Config) {
	c.Notices = notices.New(c.Store, c.Clock, nil)
}

// Restart opens the same store again.
func (p *Post) Restart() {
	p.of.Helper()
	p.of.Check(p.of.Store.Close())
	p.of.Open(WithNotices)
}

// Told is what people are to hear of since it was asked last: "kind user label".
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

// Heard takes the notices that wait out of the store.
func (p *Post) Heard() (out []notices.Notice) {
	p.of.Helper()
	p.skew += time.Hour // no mail is so recent that it counts
	far := notices.New(p.of.Store, func() time.Time { return p.of.Clock.Now().Add(p.skew) }, nil)
	_, err := far.Pass(p.of.Context(), func(_ context.Context, b notices.Batch) (func(kv.Tx) error, error) {
		out = append(out, b.Notices...)
		return nil, nil
	})
	p.of.Check(err)
	return out
}

// WantNotices holds Told against what is wanted.
func (p *Post) WantNotices(want ...string) {
	p.of.Helper()
	if got := p.Notices(); !slices.Equal(got, want) {
		p.of.Errorf("told %q, want %q", got, want)
	}
}
