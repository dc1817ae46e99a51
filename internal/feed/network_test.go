package feed

import (
	"net/netip"
	"testing"
)

func TestNetworkSaysWhereAndNotWho(t *testing.T) {
	for in, want := range map[string]string{
		"198.51.100.23":        "198.51.100.0/24",
		"::ffff:198.51.100.23": "198.51.100.0/24",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1::/48",
		"fe80::1%eth0":         "fe80::/48",
	} {
		if got := Network(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s is in %q, not %q", in, got, want)
		}
	}
	if got := Network(netip.Addr{}); got != "" {
		t.Errorf("no address is in %q", got)
	}
}
