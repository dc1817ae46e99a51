package adminhttp

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/refusal"
	"github.com/rind-dev/rind/ui"
)

// Whoever is refused reads what happened, in the words of the pages, and not what went wrong inside.
func TestRefused(t *testing.T) {
	pages, err := ui.New()
	if err != nil {
		t.Fatal(err)
	}
	h := handler{Config{Pages: pages}}
	for _, c := range []struct {
		err    error
		status int
		code   string
		text   string
	}{
		{ledger.ErrNotFound, http.StatusNotFound, "not_found", "There is nothing with this name or ID."},
		{authn.ErrForbidden, http.StatusForbidden, "forbidden", pages.Text("en", "error.403.text", nil)},
		{instance.ErrReadOnly, http.StatusServiceUnavailable, "read_only", pages.Problem("en", ui.Problem{Code: "read_only"})},
		{fmt.Errorf("%w: the queue of 4711", authn.ErrMail), http.StatusServiceUnavailable, "mail_full", pages.Problem("en", ui.Problem{Code: "mail_full"})},
		{errors.New("the disk of 4711"), http.StatusInternalServerError, "failed", "Something went wrong on the server; its log says what. " +
			"Your change was either made completely or not at all: check before you try again."},
	} {
		status, r := h.refused(refusal.Of(c.err))
		if status != c.status || len(r.Error) != 1 || r.Error[0] != (Problem{Code: c.code, Text: c.text}) {
			t.Errorf("%v: %d %+v", c.err, status, r)
		}
	}
}
