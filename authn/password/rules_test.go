package password

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		password string
		want     Fault
	}{
		{"plum orbit 7 canyon", ""},
		{"correct horse battery staple", ""},
		{"kX9!vQ2#mL5z", ""},      // 12
		{"kX9!vQ2#mL5", TooShort}, // 11
		{"пароль-длинный-ключ", ""},
		{"ключ-пароль", TooShort}, // 11 characters, 21 bytes
		{"", TooShort},
		{"password1234", Weak},
		{"qwertyuiop12", Weak},
		{"aaaaaaaaaaaaaaaa", Weak},
		{"日本語日本語日本語日本語", Weak},
		{"alice.liddell", Weak},
		{"wonderland.example", Weak},
		{strings.Repeat("a", 80) + "kX9!vQ2#mL5z", Weak},
		{strings.Repeat("kX9!vQ2#mL5z", 341), ""}, // 4,092 bytes
		{strings.Repeat("k", 4097), TooLong},
		{"kX9!vQ2#mL5z\n", NotText},
		{"kX9!\x00Q2#mL5zzz", NotText},
		{"kX9!\xffQ2#mL5zzz", NotText},
	} {
		if got := Check(c.password, "alice.liddell", "alice.liddell@wonderland.example"); got != c.want {
			t.Errorf("%.20q: %q, want %q", c.password, got, c.want)
		}
	}
}
