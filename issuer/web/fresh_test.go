package web

import (
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
)

// Minting asks for a second factor that is at most 15 minutes old, and the form
// leaves time to be filled in.
func TestMintingAsksForAFreshFactor(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	const again = "/login/totp?next=%2Ftokens%2Fnew"
	h.clock.pass(authn.FactorFresh - formTime - time.Minute)
	ada.get("/tokens/new").is(200, "")
	h.clock.pass(2 * time.Minute)
	ada.get("/tokens/new").is(303, again)
	ada.post("/tokens/new").is(422, "")
	h.clock.pass(formTime)
	ada.post("/tokens/new").is(303, again)
}
