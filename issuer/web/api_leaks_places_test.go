package web

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/rind-dev/rind/internal/leaks"
)

// watchedBody counts how often it is read.
type watchedBody struct{ reads int }

func (b *watchedBody) Read([]byte) (int, error) { b.reads++; return 0, io.EOF }

// Anybody can send a megabyte. None of it is read where the headers alone show that the report is refused.
func TestReportsAreRefusedBeforeTheyAreRead(t *testing.T) {
	h, _ := newScanner(t)
	shaped := base64.StdEncoding.EncodeToString([]byte{0x30, 6, 2, 1, 1, 2, 1, 1}) // as a signature is, but of nothing
	for name, c := range map[string]struct {
		key, signature string
		length         int64
		status, reads  int
	}{
		"no signature":    {"1", "", 100, http.StatusNotFound, 0},
		"no key":          {"", shaped, 100, http.StatusNotFound, 0},
		"unknown key":     {"2", shaped, 100, http.StatusBadRequest, 0},
		"damaged key":     {"a b", shaped, 100, http.StatusBadRequest, 0},
		"no such shape":   {"1", "AAAA", 100, http.StatusBadRequest, 0},
		"too large":       {"1", shaped, leaks.MaxBody + 1, http.StatusRequestEntityTooLarge, 0},
		"wrong signature": {"1", shaped, 100, http.StatusBadRequest, 1},
	} {
		body := new(watchedBody)
		r := httptest.NewRequest(http.MethodPost, pathLeaks, body)
		r.ContentLength = c.length
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(headerLeakKey, c.key)
		r.Header.Set(headerLeakSignature, c.signature)
		w := httptest.NewRecorder()
		h.web.ServeHTTP(w, r)
		if w.Code != c.status || body.reads != c.reads {
			t.Errorf("%s: %d after %d reads, want %d after %d", name, w.Code, body.reads, c.status, c.reads)
		}
	}
}

// Who holds reports of leaked tokens back, from one network, takes two places and no more: those of others are free, and so are
// theirs once they are done.
func TestPlacesForReportsHaveShares(t *testing.T) {
	var p reportSlots
	var leave []func()
	enter := func(ip string) bool {
		l, ok := p.enter(netip.MustParseAddr(ip))
		if ok {
			leave = append(leave, l)
		}
		return ok
	}
	held := 0
	for i := range 100 {
		if enter(fmt.Sprintf("2001:db8:0:%x::%d", i, i)) {
			held++
		}
	}
	if held != maxReportsPerNetwork || !enter("192.0.2.1") || !enter("2001:db8:0:100::1") {
		t.Errorf("%d places of one network", held)
	}
	for i := range 100 {
		enter(fmt.Sprintf("198.51.100.%d", i))
	}
	if len(leave) != maxReports {
		t.Errorf("%d places in all", len(leave))
	}
	for _, l := range leave {
		l()
	}
	if p.taken != 0 || len(p.from) != 0 || !enter("2001:db8::1") {
		t.Errorf("left over: %d, %v", p.taken, p.from)
	}
}
