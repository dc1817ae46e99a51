package authn

import (
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/problem"
)

func TestUsername(t *testing.T) {
	for _, c := range []struct{ typed, want, code string }{
		{"alice", "alice", ""},
		{" alice ", "alice", ""},
		{"A", "A", ""},
		{"9", "9", ""},
		{"a.b_c-d", "a.b_c-d", ""},
		{"a--__..b", "a--__..b", ""},
		{strings.Repeat("a", 50), strings.Repeat("a", 50), ""},
		{strings.Repeat("a", 51), "", CodeUsernameTooLong},
		{"", "", CodeUsernameInvalid},
		{"-a", "", CodeUsernameInvalid},
		{"a-", "", CodeUsernameInvalid},
		{".", "", CodeUsernameInvalid},
		{"a b", "", CodeUsernameInvalid},
		{"a@b", "", CodeUsernameInvalid},
		{"a\nb", "", CodeUsernameInvalid},
		{"alice\x00", "", CodeUsernameInvalid},
		{"älice", "", CodeUsernameInvalid},
		{"\u0430lice", "", CodeUsernameInvalid}, // a Cyrillic а
		{"__token__", "", CodeUsernameInvalid},
	} {
		var ps problem.Problems
		got := cleanUsername(c.typed, &ps)
		if c.code != "" {
			wantProblem(t, ps.Err(), "username", c.code)
		} else if got != c.want || ps != nil {
			t.Errorf("%q: %q %v, want %q", c.typed, got, ps, c.want)
		}
	}
}

func TestEmail(t *testing.T) {
	long := strings.Repeat("a", 60) + "@" + strings.Repeat("b", 60) + "." + strings.Repeat("c", 60) + "." + strings.Repeat("d", 60) + "."
	for _, c := range []struct{ typed, want, code string }{
		{"a@example.org", "a@example.org", ""},
		{" A.b+c@EXAMPLE.Org ", "A.b+c@example.org", ""},
		{"o'brien@example.org", "o'brien@example.org", ""},
		{"a@xn--bcher-kva.example", "a@xn--bcher-kva.example", ""},
		{long + strings.Repeat("e", 254-len(long)), long + strings.Repeat("e", 254-len(long)), ""},
		{long + strings.Repeat("e", 255-len(long)), "", CodeEmailTooLong},
		{strings.Repeat("a", 65) + "@example.org", "", CodeEmailInvalid},
		{"", "", CodeEmailInvalid},
		{"a", "", CodeEmailInvalid},
		{"@example.org", "", CodeEmailInvalid},
		{"a@", "", CodeEmailInvalid},
		{"a@b", "", CodeEmailInvalid},
		{"a@b..org", "", CodeEmailInvalid},
		{"a@-b.org", "", CodeEmailInvalid},
		{"a@b_c.org", "", CodeEmailInvalid},
		{"a@b.org.", "", CodeEmailInvalid},
		{"a@[192.0.2.1]", "", CodeEmailInvalid},
		{"ada@127.0.0.1", "", CodeEmailInvalid},
		{"ada@127.1", "", CodeEmailInvalid},
		{"a%victim.example@example.org", "", CodeEmailInvalid},
		{"victim.example!a@example.org", "", CodeEmailInvalid},
		{"-oQ/tmp@example.org", "", CodeEmailInvalid},
		{"a@bücher.example", "", CodeEmailInvalid},
		{"ä@example.org", "", CodeEmailInvalid},
		{"Alice <a@example.org>", "", CodeEmailInvalid},
		{"<a@example.org>", "", CodeEmailInvalid},
		{"a@example.org (note)", "", CodeEmailInvalid},
		{`"a b"@example.org`, "", CodeEmailInvalid},
		{"a@example.org, b@example.org", "", CodeEmailInvalid},
		{"a@example.org\r\nBcc: b@example.org", "", CodeEmailInvalid},
		{"a@@example.org", "", CodeEmailInvalid},
	} {
		var ps problem.Problems
		got := cleanEmail(c.typed, &ps)
		if c.code != "" {
			wantProblem(t, ps.Err(), "email", c.code)
		} else if got != c.want || ps != nil {
			t.Errorf("%q: %q %v, want %q", c.typed, got, ps, c.want)
		}
	}
}
