// Package clientip finds out from which address a request comes, as far as that can be
// believed: the other end of the connection, or the client that a trusted proxy names in
// X-Forwarded-For. It is the one place that reads such addresses.
package clientip

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// Header is the header in which proxies name the client.
const Header = "X-Forwarded-For"

// Parse reads an address in the forms in which servers and proxies write it: IPv4 and
// IPv6, with a port or without, IPv6 in brackets or (without a port) bare. White space
// around it does not count. Parse returns the address without port and zone, and an IPv4
// address that is written as IPv6 as IPv4. It returns false for anything else, also "unknown".
func Parse(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if addr, err := netip.ParseAddr(s); err == nil {
		return plain(addr), true
	}
	host, port := s, ""
	if rest, ok := strings.CutPrefix(s, "["); ok {
		host, port, ok = strings.Cut(rest, "]")
		if !ok || port != "" && port[0] != ':' {
			return netip.Addr{}, false
		}
		if addr, err := netip.ParseAddr(host); err != nil || !addr.Is6() {
			return netip.Addr{}, false
		}
	} else if at := strings.IndexByte(s, ':'); at >= 0 {
		host, port = s[:at], s[at:]
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || port != "" && !isPort(port[1:]) {
		return netip.Addr{}, false
	}
	return plain(addr), true
}

func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// isPort accepts only decimal digits, without a sign.
func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// Finder finds the client's address. The zero value trusts no proxy. It is safe for
// concurrent use.
type Finder struct {
	trusted []netip.Prefix
}

// Trusting returns a Finder that believes what proxies at these addresses say.
func Trusting(proxies []netip.Prefix) Finder { return Finder{proxies} }

// Verdict says what became of the header.
type Verdict int

// The verdicts.
const (
	Unnamed       Verdict = iota // no header, or an empty one
	Named                        // a trusted proxy named the client
	NotTrusted                   // the header came from a peer that is not trusted, and was not read
	NotUnderstood                // a trusted proxy wrote something that is not an address
)

// Of returns the address of the client that made a request. The zero Addr means that it is
// unknown: the connection has no address. Addresses in the header are read from the end; the
// first that is not a trusted proxy's is the client's, and anything in front of it, which
// the client may have written, does not count. If a trusted proxy wrote something that is
// not an address, Of returns the peer's.
func (f Finder) Of(r *http.Request) netip.Addr {
	addr, _ := f.Find(r)
	return addr
}

// Find is Of, and says what became of the header.
func (f Finder) Find(r *http.Request) (netip.Addr, Verdict) {
	peer, ok := Parse(r.RemoteAddr)
	lines := r.Header.Values(Header)
	switch {
	case len(lines) == 0:
		return peer, Unnamed
	case !ok || !f.trusts(peer):
		return peer, NotTrusted
	}
	client, all, verdict := peer, strings.Join(lines, ","), Unnamed
	for rest := true; rest; {
		entry := all
		if at := strings.LastIndexByte(all, ','); at >= 0 {
			all, entry = all[:at], all[at+1:]
		} else {
			rest = false
		}
		if strings.TrimSpace(entry) == "" { // an empty element counts for nothing (RFC 9110 §5.6.1)
			continue
		}
		addr, ok := Parse(entry)
		if !ok {
			return peer, NotUnderstood
		}
		client, verdict = addr, Named
		if !f.trusts(addr) {
			break
		}
	}
	return client, verdict
}

func (f Finder) trusts(addr netip.Addr) bool {
	for _, p := range f.trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// Trusts reports whether the other end of a request's connection is a trusted proxy.
func (f Finder) Trusts(r *http.Request) bool {
	peer, ok := Parse(r.RemoteAddr)
	return ok && f.trusts(peer)
}
