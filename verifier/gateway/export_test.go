package gateway

import (
	"net/http"
	"net/netip"
)

// Slots is how many uploads have a slot, and how many accounts and tokens.
func (g *Gateway) Slots() (total, shares int) {
	g.slots.mu.Lock()
	defer g.slots.mu.Unlock()
	return g.slots.total, len(g.slots.taken)
}

// ClientIP is what the Config's function says.
func (g *Gateway) ClientIP(r *http.Request) netip.Addr { return g.cfg.ClientIP(r) }
