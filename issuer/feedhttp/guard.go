package feedhttp

import (
	"net/http"
	"strings"

	"github.com/rind-dev/rind/internal/clientip"
)

// ownHeaders are the headers that clients themselves send. If a request comes without TLS
// from this machine and has any other header (Via, X-Real-IP, X-Forwarded-Host, …), a
// proxy may have passed it on.
var ownHeaders = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Authorization": true, "Connection": true, "Content-Length": true,
	"Content-Type": true, "User-Agent": true,
}

// guard refuses a request that somebody on the way could have read: one that came
// neither by TLS, nor from this machine, nor from a trusted proxy that says that it came
// by TLS.
func (f *Handler) guard(r *http.Request) error {
	addr, known := clientip.Parse(r.RemoteAddr)
	if !known {
		return errReadable
	}
	if proto := r.Header.Get("X-Forwarded-Proto"); proto != "" && (f.clients.Trusts(r) || addr.IsLoopback()) {
		if !strings.EqualFold(strings.TrimSpace(proto), "https") {
			return errReadable
		}
		return nil
	}
	switch {
	case r.TLS != nil:
		return nil
	case !addr.IsLoopback():
		return errReadable
	}
	for name := range r.Header {
		if !ownHeaders[name] {
			return errProxy
		}
	}
	return nil
}
