package feedhttp

import (
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/feed"
)

// The answer to a report says where the issuer stands by then.
func TestReportIsAnsweredWithThePosition(t *testing.T) {
	h := newSource(t)
	_, secret := h.secret("berlin")
	for _, label := range []string{"one", "two"} {
		res := h.ask(t.Context(), "POST", feed.PathReport, secret, strings.NewReader("{}"))
		res.Body.Close()
		at, err := feed.ParsePosition(res.Header.Get(feed.PositionHeader))
		if res.StatusCode != 204 || err != nil || at != h.at() {
			t.Errorf("%d, at %s of %s: %v", res.StatusCode, at, h.at(), err)
		}
		h.mint(label)
	}
}
