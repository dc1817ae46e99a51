package feedhttp

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/rind-dev/rind/internal/feed"
)

// An answer that makes a verifier decide nothing any more says so in a header, which an
// answer of a proxy does not have.
func TestConflictsSayWhy(t *testing.T) {
	h := newSource(t)
	_, secret := h.secret("berlin")
	h.mint("a")
	for name, tt := range map[string]struct {
		change func(*feed.Position)
		want   string
	}{
		"another value":        {func(p *feed.Position) { p.Chain[31]++ }, feed.ConflictHistory},
		"no value":             {func(p *feed.Position) { p.Chain = feed.Chain{} }, feed.ConflictHistory},
		"a revision to come":   {func(p *feed.Position) { p.Revision += 9 }, feed.ConflictHistory},
		"a value to come":      {func(p *feed.Position) { p.Chain = feed.NewChain(p.Revision+1, [32]byte{1}) }, feed.ConflictHistory},
		"an epoch to come":     {func(p *feed.Position) { p.Epoch++ }, feed.ConflictHistory},
		"an issuer of its own": {func(p *feed.Position) { p.Issuer = adaID }, feed.ConflictIssuer},
	} {
		at := h.at()
		tt.change(&at)
		report, err := json.Marshal(feed.Report{Applied: at})
		h.must(err)
		for what, res := range map[string]*http.Response{
			"stream": h.ask(t.Context(), "GET", streamPath(at), secret, nil),
			"report": h.ask(t.Context(), "POST", feed.PathReport, secret, bytes.NewReader(report)),
		} {
			res.Body.Close()
			if got := res.Header.Get(feed.ConflictHeader); res.StatusCode != http.StatusConflict || got != tt.want {
				t.Errorf("%s, %s: %s, %q", name, what, res.Status, got)
			}
		}
	}
	if res := h.ask(t.Context(), "GET", feed.PathStream, secret, nil); res.StatusCode != http.StatusGone || res.Header.Get(feed.ConflictHeader) != "" {
		t.Errorf("a new verifier: %s, %q", res.Status, res.Header.Get(feed.ConflictHeader))
	}
}
