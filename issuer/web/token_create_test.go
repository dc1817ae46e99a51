package web

import (
	"strings"
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

// However many revoke a token at one moment, its owner gets one mail.
func TestRevocationIsToldOnce(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	_, id := ada.mint("ci")
	if n := together(12, func(int) bool { return ada.post("/tokens/"+id+"/revoke").status == 303 }); n != 12 {
		t.Errorf("%d of 12 were answered", n)
	}
	told := 0
	for _, m := range h.mails.messages() {
		if strings.HasPrefix(m.Subject, "You revoked a token") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("the owner was told %d times", told)
	}
}
