// Package loopback says which hosts are this machine, where plain HTTP is safe.
//
// There are two rules. Browsers treat every name below "localhost" as this machine (RFC 6761 §6.3, W3C Secure
// Contexts §3.1). A program that connects asks a resolver, and not every resolver does the same, so for a program only
// the name "localhost" counts.
package loopback

import (
	"net/netip"
	"strings"
)

// Host reports whether a program that connects to a host, a name or an IP address without its port, reaches this
// machine and nothing else.
func Host(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// Browser reports whether a browser takes a host for this machine, so that it treats plain HTTP as secure.
func Browser(host string) bool {
	return Host(host) || strings.HasSuffix(strings.ToLower(host), ".localhost")
}
