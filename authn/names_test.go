package authn

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

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

func TestNewPassword(t *testing.T) {
	for _, c := range []struct{ password, code string }{
		{"plum orbit 7 canyon", ""},
		{"correct horse battery staple", ""},
		{"kX9!vQ2#mL5z", ""},                  // 12
		{"kX9!vQ2#mL5", CodePasswordTooShort}, // 11
		{"пароль-длинный-ключ", ""},
		{"ключ-пароль", CodePasswordTooShort}, // 11 characters, 21 bytes
		{"", CodePasswordTooShort},
		{"password1234", CodePasswordWeak},
		{"qwertyuiop12", CodePasswordWeak},
		{"aaaaaaaaaaaaaaaa", CodePasswordWeak},
		{"日本語日本語日本語日本語", CodePasswordWeak},
		{"alice.liddell", CodePasswordWeak},
		{"wonderland.example", CodePasswordWeak},
		{strings.Repeat("a", 80) + "kX9!vQ2#mL5z", CodePasswordWeak},
		{strings.Repeat("kX9!vQ2#mL5z", 341), ""}, // 4,092 bytes
		{strings.Repeat("k", 4097), CodePasswordTooLong},
		{"kX9!vQ2#mL5z\n", CodePasswordInvalid},
		{"kX9!\x00Q2#mL5zzz", CodePasswordInvalid},
		{"kX9!\xffQ2#mL5zzz", CodePasswordInvalid},
	} {
		var ps problem.Problems
		checkNewPassword(c.password, "alice.liddell", "alice.liddell@wonderland.example", &ps)
		if c.code != "" {
			wantProblem(t, ps.Err(), "password", c.code)
		} else if ps != nil {
			t.Errorf("%.20q: %v", c.password, ps)
		}
	}
}

// What zxcvbn is given is bounded, and it survives whatever that is.
func TestPasswordScoreOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		password := rapid.String().Draw(t, "password")
		name, mail := rapid.String().Draw(t, "name"), rapid.String().Draw(t, "mail")
		if s := passwordScore(password, name, mail); s < 0 || s > 4 {
			t.Fatalf("score %d", s)
		}
	})
	long := strings.Repeat("@$1!04", 700) // without the bound this takes hours
	if a, b := passwordScore(long, "alice", ""), passwordScore(long[:scoredPrefix], "alice", ""); a != b {
		t.Errorf("score %d of a long password, %d of its beginning", a, b)
	}
}
