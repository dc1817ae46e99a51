package issuer_test

import (
	"testing"

	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/issuertest"
)

// The fixture, by the names that the tests use.
const (
	location = issuertest.Location
	aliceID  = issuertest.AliceID
	bobID    = issuertest.BobID
	carolID  = issuertest.CarolID
	rootID   = issuertest.RootID
	day      = issuertest.Day
)

var (
	alice     = issuertest.Alice
	bob       = issuertest.Bob
	carol     = issuertest.Carol
	root      = issuertest.Root
	start     = issuertest.Start
	forAll    = issuertest.ForAll
	forSome   = issuertest.ForSome
	sealer    = issuertest.Sealer
	readTrail = issuertest.ReadTrail
)

// house is an issuer on a real store, with four users.
type house struct{ *issuertest.House }

func newHouse(t testing.TB, options ...func(*issuer.Config)) *house {
	t.Helper()
	return &house{issuertest.New(t, options...)}
}
