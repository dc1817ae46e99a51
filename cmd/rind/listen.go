package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/rind-dev/rind/internal/certificate"
	"github.com/rind-dev/rind/internal/config"
)

// listen opens the address, with TLS where there is a certificate. It speaks
// HTTP/1.1 only, because clients of the upload API show the reason phrase of a
// refusal, and HTTP/2 has none.
func listen(ctx context.Context, cfg config.Config, log *slog.Logger) (net.Listener, *certificate.Files, error) {
	var cert *certificate.Files
	var secure *tls.Config
	if cfg.TLSCert != "" {
		var err error
		if cert, err = certificate.Open(cfg.TLSCert, cfg.TLSKey, log); err != nil {
			return nil, nil, err
		}
		secure = &tls.Config{GetCertificate: cert.Get, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", cfg.Listen)
	var op *net.OpError
	switch {
	case errors.As(err, &op):
		return nil, nil, fmt.Errorf("can't listen on %s: %w; choose another address with --listen", cfg.Listen, op.Err)
	case err != nil:
		return nil, nil, err
	case secure != nil:
		return tls.NewListener(l, secure), cert, nil
	}
	return l, cert, nil
}
