package e2e

import (
	"fmt"
	"testing"

	"github.com/rind-dev/rind/internal/mail/mailtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// TestStrengthIsSaidWhileOneTypes reads the words beside a new password, which a screen reader
// hears too, and sees that nothing on the page moves when they come.
func TestStrengthIsSaidWhileOneTypes(t *testing.T) {
	t.Parallel()
	realtest.Need(t, realtest.Chromium)
	mails := mailtest.Start(t)
	s := startServer(t, mailSettings(mails))
	b := newBrowser(t)
	b.open(s.setupLink())
	place := func() float64 {
		return evaluate[float64](b, "document.querySelector('main form button[type=submit]').getBoundingClientRect().top + scrollY")
	}
	before := place()
	b.fill("username", "ada")
	b.fill("email", "ada@example.org")
	for _, c := range []struct{ typed, said string }{
		{"tangerine", "3 more characters"},
		{"aaaaaaaaaaaaaaaa", "Very weak: guessed at once"},
		{password, "Very strong"},
		{"", ""},
	} {
		b.fill("password", c.typed)
		if c.typed == "" {
			evaluate[bool](b, "document.querySelector('main [name=password]').dispatchEvent(new Event('input'))")
		}
		realtest.Eventually(t, fmt.Sprintf("%q is said of %q", c.said, c.typed), func() error {
			if b.content("[data-strength]") != c.said {
				return errNone
			}
			return nil
		})
		if at := place(); at != before {
			t.Errorf("%q moves the page by %v", c.said, at-before)
		}
	}
	if role := evaluate[string](b, "document.querySelector('[data-strength]').getAttribute('role')"); role != "status" {
		t.Errorf("role %q", role)
	}
}
