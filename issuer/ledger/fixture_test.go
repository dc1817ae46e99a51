package ledger_test

import (
	"os"
	"testing"

	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/issuertest"
)

// The fixture, by the names that the tests use.
const (
	aliceID  = issuertest.AliceID
	bobID    = issuertest.BobID
	carolID  = issuertest.CarolID
	location = issuertest.Location
	rootID   = issuertest.RootID
)

var (
	alice  = issuertest.Alice
	bob    = issuertest.Bob
	root   = issuertest.Root
	sealer = issuertest.Sealer
	start  = issuertest.Start
	forAll = issuertest.ForAll
)

// house is an issuer on a real store, with four users.
type house struct{ *issuertest.House }

func newHouse(t testing.TB, options ...func(*issuer.Config)) *house {
	t.Helper()
	return &house{issuertest.New(t, options...)}
}

func TestMain(m *testing.M) { os.Exit(issuertest.Main(m, "ledger")) }
