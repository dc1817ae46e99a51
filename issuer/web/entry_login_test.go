package web

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/alexedwards/argon2id"
)

// Of 200 sign-ins at the same moment those that there is no place for are told when to come
// again, and leave nothing behind.
func TestTwoHundredSignInsOverHTTP(t *testing.T) {
	h := newHouse(t, func(h *house) {
		h.trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		h.params = &argon2id.Params{Memory: 64 << 10, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	})
	status := make([]int, 200)
	together(200, func(i int) bool {
		v := h.visitor("nobody")
		r := v.request("POST", "/login", formType, form("login", fmt.Sprint("nobody", i), "password", "wrong").Encode())
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.0.%d.1", i))
		got := v.send(r)
		status[i] = got.status
		if got.status == 503 && got.header.Get("Retry-After") != "5" {
			t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
		}
		return got.status == 422
	})
	count := map[int]int{}
	for _, s := range status {
		count[s]++
	}
	if count[422]+count[503] != 200 || count[422] < 13 || count[503] == 0 {
		t.Errorf("statuses %v", count)
	}
	t.Logf("statuses %v", count)
	if log := h.log.String(); strings.Contains(log, "level=ERROR") {
		t.Error("a server that is busy calls it an error")
	}
}
