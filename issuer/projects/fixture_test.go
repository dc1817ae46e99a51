package projects_test

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
	rootID   = issuertest.RootID
	nobodyID = issuertest.NobodyID
	day      = issuertest.Day
)

var (
	alice    = issuertest.Alice
	bob      = issuertest.Bob
	carol    = issuertest.Carol
	root     = issuertest.Root
	start    = issuertest.Start
	who      = issuertest.Who
	forAll   = issuertest.ForAll
	forSome  = issuertest.ForSome
	together = issuertest.Together
)

// house is an issuer on a real store, with four users.
type house struct{ *issuertest.House }

func newHouse(t testing.TB, options ...func(*issuer.Config)) *house {
	t.Helper()
	return &house{issuertest.New(t, options...)}
}

// postHouse is a house whose people hear of things.
type postHouse struct {
	*house
	*issuertest.Post
}

func newPost(t testing.TB) *postHouse {
	t.Helper()
	return postOf(newHouse(t, issuertest.WithNotices))
}

func postOf(h *house) *postHouse { return &postHouse{h, issuertest.PostOf(h.House)} }

func TestMain(m *testing.M) { os.Exit(issuertest.Main(m, "projects")) }
