package feedhttp

import (
	"net/http"
	"strings"

	"github.com/rind-dev/rind/internal/clientip"
)

// ownHeaders are what clients send of themselves. A request that comes without TLS from
// this machine and has any other was passed on by a proxy, whatever that calls it
// (Via, X-Real-IP, X-Forwarded-Host, …), or could have been.
var ownHeaders = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Authorization": true, "Connection": true, "Content-Length": true,
	"Content-Type": true, "User-Agent": true,
}

// guard refuses a request that somebody on the way could have read: one that came
// neither by TLS, nor from this machine, nor from a proxy that may be believed and says
// that it came by TLS.
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
