package web

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/alexedwards/argon2id"

	"github.com/rind-dev/rind/internal/deadline"
)

// Of 200 sign-ins at the same moment those that there is no place for are told when to come
// again, and leave nothing behind.
func TestTwoHundredSignInsOverHTTP(t *testing.T) {
	h := newHouse(t, func(h *house) {
		h.trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		h.plain = true // what 200 handshakes cost is another matter
		h.params = &argon2id.Params{Memory: 64 << 10, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	})
	status, late := make([]int, 200), make([]bool, 200)
	together(200, func(i int) bool {
		v := h.visitor("nobody")
		v.client.Timeout = 4 * deadline.Think // the server's patience ends first, on a machine that is busy otherwise
		r := v.request("POST", "/login", formType, form("login", fmt.Sprint("nobody", i), "password", "wrong").Encode())
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.0.%d.1", i))
		got := v.send(r)
		status[i] = got.status
		again := got.header.Get("Retry-After")
		late[i] = got.status == 503 && again == "10" // it had a place, and the time for an answer was over first (package deadline)
		if got.status == 503 && !late[i] && again != "5" {
			t.Errorf("Retry-After %q", again)
		}
		return got.status == 422
	})
	count, waited := map[int]int{}, 0
	for i, s := range status {
		count[s]++
		if late[i] {
			waited++
		}
	}
	if count[422]+count[503] != 200 || count[422] < 13 || count[503] == waited {
		t.Errorf("statuses %v, %d of them late", count, waited)
	}
	t.Logf("statuses %v", count)
	if log := h.log.String(); strings.Contains(log, "level=ERROR") {
		t.Error("a server that is busy calls it an error")
	}
}
