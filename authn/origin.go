package authn

import (
	"net/netip"
	"strings"

	"github.com/rind-dev/rind/internal/audit"
)

// Origin says where a request came from. The caller decides which proxies to trust about the address.
// Limits count the address, so it has to be set: all requests without one count as one.
type Origin struct {
	IP        netip.Addr
	UserAgent string
	RequestID string
	Device    Secret // value of the browser's DeviceCookie; "" if none
}

// address is the address as records have it; "" where it is not known.
func (o Origin) address() string {
	if !o.IP.IsValid() {
		return ""
	}
	return o.IP.Unmap().String()
}

// source returns who counts as one sender for mails to other people: the network, or for IPv6 the /48,
// because one customer may have that much.
func (o Origin) source() string {
	if ip := o.IP.Unmap().WithZone(""); ip.Is6() {
		p, _ := ip.Prefix(48) // never fails for an IPv6 address
		return p.String()
	}
	return network(o.IP)
}

// agent is the browser as records have it.
func (o Origin) agent() string {
	return strings.ToValidUTF8(o.UserAgent[:min(len(o.UserAgent), maxAgent)], "")
}

// maxAgent is how many bytes of a User-Agent header are kept.
const maxAgent = 512

// actor is the row's word for a person at an origin.
func (o Origin) actor(u userRecord, factor Factor) audit.Actor {
	return audit.Actor{
		UserID: u.ID, Username: u.Username, Factor: string(factor),
		UserAgent: o.UserAgent, RequestID: o.RequestID, IP: o.address(),
	}
}
