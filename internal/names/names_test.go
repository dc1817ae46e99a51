package names_test

import (
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/names"
)

func TestUser(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "Ada": true, "a.b_c-d": true, "0": true, strings.Repeat("a", names.MaxUser): true,
		strings.Repeat("a", names.MaxUser+1): false, "": false, "-a": false, "a-": false, ".": false, "a b": false,
		"a@b": false, "a\n": false, "alice\x00": false, "älice": false, "\u0430lice": false, "__token__": false,
	} {
		if names.User(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func TestAddress(t *testing.T) {
	long := strings.Repeat("a", 60) + "@" + strings.Repeat("b", 60) + "." + strings.Repeat("c", 60) + "." + strings.Repeat("d", 60) + "."
	for address, want := range map[string]bool{
		"a@example.org": true, "A.b+c@EXAMPLE.Org": true, "o'brien@example.org": true, "a@xn--bcher-kva.example": true, "a@1.2.x": true,
		long + strings.Repeat("e", names.MaxAddress-len(long)):   true,
		long + strings.Repeat("e", names.MaxAddress+1-len(long)): false,
		strings.Repeat("a", 64) + "@example.org":                 true,
		strings.Repeat("a", 65) + "@example.org":                 false,
		"a@" + strings.Repeat("b", 64) + ".org":                  false,
		"":                                                       false, "a": false, "@": false, "@example.org": false, "a@": false, "a@b": false, "a@b..org": false,
		"a@-x.org": false, "a@x-.org": false, "a@b_c.org": false, "a@b.org.": false, "a@[192.0.2.1]": false, "ada@127.0.0.1": false, "ada@127.1": false,
		"a%victim.example@example.org": false, "victim.example!a@example.org": false, "|a@example.org": false, "-oQ/tmp@example.org": false,
		"a@bücher.example": false, "ä@example.org": false, "Alice <a@example.org>": false, "<a@example.org>": false, "a@example.org (note)": false,
		`"a b"@example.org`: false, `"a"@example.org`: false, "a@example.org, b@example.org": false, "a@example.org\r\nBcc: b@example.org": false,
		" a@example.org": false, "a@@example.org": false, ".a@example.org": false, "a..b@example.org": false,
	} {
		if names.Address(address) != want {
			t.Errorf("%q: %v", address, !want)
		}
	}
}
