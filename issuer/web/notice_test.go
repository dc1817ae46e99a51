package web

import (
	"context"
	"testing"
)

// Who holds the only token of CI wants to know whether it is over at once.
func TestARevocationThatIsNotHeardYet(t *testing.T) {
	behind := false
	h := newHouse(t, func(h *house) {
		h.catchUp = func(context.Context, uint64) error {
			if behind {
				return context.DeadlineExceeded
			}
			return nil
		}
	})
	ada := h.founder("ada")
	_, id := ada.mint("ci")
	behind = true
	ada.post("/tokens/"+id+"/revoke").is(303, "/tokens")
	ada.get("/tokens").says(h.pages.Text("en", "notice.token_revoked_soon", nil))
}
