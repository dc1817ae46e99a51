package certificate

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
)

// Listen opens an address, host:port. If there is a certificate it uses TLS and returns the Files of the pair, whose Run
// method keeps it current. It speaks only HTTP/1.1, because clients of the upload API show the reason phrase of a
// refusal, and HTTP/2 has none.
func Listen(ctx context.Context, address, certFile, keyFile string, log *slog.Logger) (net.Listener, *Files, error) {
	var files *Files
	if certFile != "" {
		var err error
		files, err = Open(certFile, keyFile, log)
		if err != nil {
			return nil, nil, err
		}
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	var op *net.OpError
	switch {
	case errors.As(err, &op):
		return nil, nil, fmt.Errorf("can't listen on %s: %w; the setting listen names another address", address, op.Err)
	case err != nil:
		return nil, nil, err
	case files != nil:
		l = tls.NewListener(l, &tls.Config{GetCertificate: files.Get, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	}
	return l, files, nil
}
