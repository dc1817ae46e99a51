package followers_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/issuer/followers"
)

// connect registers a verifier that has everything, and opens its stream.
func (h *house) connect(name string) (followers.Verifier, *followers.Stream) {
	h.Helper()
	v, _ := h.Verifier(name)
	at, err := h.Followers.Position(h.Context())
	h.Check(err)
	x, err := h.Followers.OpenStream(h.Context(), v, at)
	h.Check(err)
	return v, x
}

func (h *house) reports(v followers.Verifier, revision uint64) {
	h.Helper()
	at, err := h.Followers.Position(h.Context())
	h.Check(err)
	at.Revision = revision
	h.Check(h.Followers.Report(h.Context(), v, feed.Report{Applied: at}))
}

func same(t *testing.T, got, want followers.Confirmation) {
	t.Helper()
	if got.Connected != want.Connected || got.Applied != want.Applied || got.Slowest != want.Slowest ||
		!slices.Equal(got.Behind, want.Behind) || !slices.Equal(got.Away, want.Away) {
		t.Errorf("confirmed %+v, want %+v", got, want)
	}
}

func TestConfirm(t *testing.T) {
	h := newHouse(t)
	m := h.Mint(alice, forAll("ci"))
	rev, _, err := h.Tokens.Revoke(t.Context(), alice, m.Token.ID)
	h.Check(err)
	same(t, h.Followers.Confirm(t.Context(), rev, time.Minute), followers.Confirmation{}) // nobody there: no waiting

	berlin, _ := h.connect("berlin")
	paris, x := h.connect("paris")
	h.Verifier("never came")
	second := h.Mint(alice, forAll("second"))
	rev, _, err = h.Tokens.Revoke(t.Context(), alice, second.Token.ID)
	h.Check(err)
	h.Clock.Add(41 * time.Millisecond)
	h.reports(berlin, rev)
	h.Clock.Add(time.Second)
	same(t, h.Followers.Confirm(t.Context(), rev, 0), followers.Confirmation{Connected: 2, Applied: 1, Slowest: 41 * time.Millisecond, Behind: []string{"paris"}})

	done := make(chan followers.Confirmation)
	go func() { done <- h.Followers.Confirm(t.Context(), rev, time.Minute) }()
	h.reports(paris, rev-1) // not enough
	select {
	case c := <-done:
		t.Errorf("it did not wait: %+v", c)
	case <-time.After(20 * time.Millisecond):
	}
	h.reports(paris, rev)
	same(t, <-done, followers.Confirmation{Connected: 2, Applied: 2, Slowest: 1041 * time.Millisecond})

	// One that drops out lacks what comes afterwards, and is named for a day.
	x.Close()
	third := h.Mint(alice, forAll("third"))
	h.reports(berlin, third.Revision)
	same(t, h.Followers.Confirm(t.Context(), third.Revision, time.Minute), followers.Confirmation{Connected: 1, Applied: 1, Away: []string{"paris"}})
	h.Clock.Add(25 * time.Hour)
	same(t, h.Followers.Confirm(t.Context(), third.Revision, time.Minute), followers.Confirmation{Connected: 1, Applied: 1})
}

// One that drops out while somebody waits for it is behind, not forgotten; one that
// is revoked meanwhile no longer counts.
func TestConfirmWhileVerifiersLeave(t *testing.T) {
	h := newHouse(t)
	berlin, x := h.connect("berlin")
	paris, _ := h.connect("paris")
	m := h.Mint(alice, forAll("ci"))
	h.reports(paris, m.Revision)
	done := make(chan followers.Confirmation)
	go func() { done <- h.Followers.Confirm(t.Context(), m.Revision, 200*time.Millisecond) }()
	time.AfterFunc(20*time.Millisecond, x.Close)
	same(t, <-done, followers.Confirmation{Connected: 2, Applied: 1, Behind: []string{"berlin"}})

	_, err := h.Followers.OpenStream(t.Context(), berlin, func() feed.Position { p, _ := h.Followers.Position(t.Context()); p.Revision--; return p }())
	h.Check(err)
	go func() { done <- h.Followers.Confirm(t.Context(), m.Revision, time.Minute) }()
	h.Check(h.Followers.RevokeVerifier(t.Context(), root, berlin.ID))
	same(t, <-done, followers.Confirmation{Connected: 1, Applied: 1})
}
