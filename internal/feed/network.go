package feed

import "net/netip"

// Network returns the part of a client's address that a Use keeps, which tells where but
// not who: the /24 of an IPv4 address or the /48 of an IPv6 one, "" for no address.
func Network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil || !a.IsValid() {
		return ""
	}
	return p.String()
}
