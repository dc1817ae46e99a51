package replication

import (
	"testing"

	"github.com/rind-dev/rind/verifier/rootkeys"
)

// A store of an epoch before lacks all that there is, whatever its number.
func TestBehind(t *testing.T) {
	at := func(epoch, revision uint64) rootkeys.Position {
		return rootkeys.Position{Issuer: "x", Epoch: epoch, Revision: revision}
	}
	for _, tt := range []struct {
		at, head  rootkeys.Position
		last, lag uint64
	}{
		{at(1, 5), rootkeys.Position{}, 5, 0}, // nothing was heard yet
		{at(1, 5), at(1, 7), 7, 2},
		{at(1, 5), at(1, 5), 5, 0},
		{at(1, 5), at(1, 4), 5, 0},
		{at(1, 5), at(2, 5), 5, 5},
		{at(1, 5), at(2, 3), 3, 3},
		{at(1, 5), at(2, 0), 0, 1},
		{at(2, 3), at(1, 9), 3, 0},
		{rootkeys.Position{}, at(1, 7), 7, 7},
	} {
		if last, lag := behind(tt.at, tt.head); last != tt.last || lag != tt.lag {
			t.Errorf("%v, of an issuer at %v: %d of %d behind", tt.at, tt.head, lag, last)
		}
	}
}
