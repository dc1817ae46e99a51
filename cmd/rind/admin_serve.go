package main

import (
	"context"
	"net"

	"github.com/rind-dev/rind/internal/private"
	"github.com/rind-dev/rind/issuer/adminhttp"
)

// listenAdmin makes the socket of 'rind admin'. It returns nil if none is configured.
func (h *instance) listenAdmin() (net.Listener, error) {
	path := h.cfg.Socket()
	if path == "" || h.admin == nil {
		return nil, nil
	}
	return adminhttp.Listen(path, private.Of(h.cfg.GroupAccess), h.log)
}

// serveAdmin answers 'rind admin' until ctx ends.
func (h *instance) serveAdmin(ctx context.Context, l net.Listener) {
	if err := adminhttp.Serve(ctx, l, h.admin, h.log); err != nil {
		h.log.ErrorContext(ctx, "'rind admin' is no longer answered", "error", err)
	}
}
