package web

import (
	"fmt"
	"net/netip"
	"testing"
)

// Who holds reports of leaked tokens back, from one network, takes two places and no more: those of others are free, and so are
// theirs once they are done.
func TestPlacesForReportsHaveShares(t *testing.T) {
	var p reportSlots
	var leave []func()
	enter := func(ip string) bool {
		l, ok := p.enter(netip.MustParseAddr(ip))
		if ok {
			leave = append(leave, l)
		}
		return ok
	}
	held := 0
	for i := range 100 {
		if enter(fmt.Sprintf("2001:db8:0:%x::%d", i, i)) {
			held++
		}
	}
	if held != maxReportsPerNetwork || !enter("192.0.2.1") || !enter("2001:db8:0:100::1") {
		t.Errorf("%d places of one network", held)
	}
	for i := range 100 {
		enter(fmt.Sprintf("198.51.100.%d", i))
	}
	if len(leave) != maxReports {
		t.Errorf("%d places in all", len(leave))
	}
	for _, l := range leave {
		l()
	}
	if p.taken != 0 || len(p.from) != 0 || !enter("2001:db8::1") {
		t.Errorf("left over: %d, %v", p.taken, p.from)
	}
}
