// Package scantest makes tokens for tests to find.
package scantest

import (
	"fmt"
	"testing"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
)

const userID = "00000000-0000-4000-8000-0000000000aa"

// Token is the text of a token with the id [ID](n). Projects that it names make it long.
func Token(t testing.TB, n int, projects ...string) string {
	t.Helper()
	cs := []caveats.Caveat{caveats.User(userID)}
	if len(projects) > 0 {
		cs = append(cs, caveats.ProjectNames(projects))
	}
	var raw [][]byte
	for _, c := range cs {
		raw = append(raw, c.Append(nil))
	}
	tok, err := token.Mint(make([]byte, token.RootKeySize), ID(n), "packages.example.org", raw)
	if err != nil {
		t.Fatal(err)
	}
	text, err := tok.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// ID is a token id that ends with a number.
func ID(n int) string { return fmt.Sprintf("01a202e9-b380-7000-8000-%012d", n) }
