package ui

import (
	"strings"
	"testing"
	"time"
)

func TestPropagation(t *testing.T) {
	c := english(t)
	bound := c.must("propagation.bound", nil)
	for _, q := range []struct {
		r    Propagation
		want string
	}{
		{Propagation{}, ""},
		{Propagation{Connected: 1, Applied: 1}, "1 of 1 verifier has it, in 1 ms."},
		{Propagation{Connected: 3, Applied: 3, Took: 41400 * time.Microsecond}, "3 of 3 verifiers have it, in 41 ms."},
		{Propagation{Connected: 3, Applied: 3, Took: 1200 * time.Millisecond}, "3 of 3 verifiers have it, in 2 seconds."},
		{Propagation{Connected: 3, Applied: 2, Behind: []string{"a"}}, "2 of 3 connected verifiers have it. Still waiting for a. " + bound},
		{Propagation{Connected: 3, Applied: 1, Here: true, Behind: []string{"a"}}, "1 of 3 connected verifiers have it. Still waiting for this server and a. " + bound},
		{Propagation{Connected: 1, Applied: 1, Away: []string{"b", "c"}, More: 2}, "1 of 1 connected verifier has it. Not connected: b and c. 2 more don’t have it yet. " + bound},
	} {
		if got := c.propagation(q.r); got != q.want {
			t.Errorf("%+v: got %q, want %q", q.r, got, q.want)
		}
	}
	n := Notice{Code: "token_revoked", Propagation: &Propagation{Connected: 2, Applied: 2, Took: time.Millisecond}}
	if got := c.notice(n); !strings.HasPrefix(got, c.must("notice.token_revoked", nil)+" 2 of 2") {
		t.Errorf("the notice is %q", got)
	}
}
