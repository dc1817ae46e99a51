package adminhttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/issuer/files"
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

// Where another program keeps the files, commands about them say so.
func TestFilesElsewhere(t *testing.T) {
	pages, err := ui.New()
	if err != nil {
		t.Fatal(err)
	}
	h := handler{Config{Pages: pages}}
	for _, name := range []string{"releases", "yank", "unyank", "delete-release", "delete-file"} {
		_, err := commands[name](&call{handler: h, ctx: t.Context(), req: Request{Name: "demo", Version: "1.0", File: "demo-1.0.tar.gz"}})
		status, r := h.refused(refusal.Of(err))
		if status != http.StatusUnprocessableEntity || len(r.Error) != 1 || !strings.Contains(r.Error[0].Text, "Use the program that keeps them.") {
			t.Errorf("%s: %d %+v", name, status, r)
		}
	}
}

// A decision that is recorded and not done yet is no refusal; the log says what is wrong.
func TestDecidedAndNotDone(t *testing.T) {
	var log bytes.Buffer
	c := &call{handler: handler{Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}}, ctx: t.Context(), name: "root (uid 0)"}
	for _, e := range []struct {
		err   error
		later bool
	}{{nil, false}, {fmt.Errorf("%w: the disk of 4711", files.ErrLater), true}} {
		got, err := c.decided(Done{Name: "demo"}, e.err)
		if err != nil || got != any(Done{Name: "demo", Later: e.later}) {
			t.Errorf("%v: %+v, %v", e.err, got, err)
		}
	}
	if s := log.String(); !strings.Contains(s, "4711") || !strings.Contains(s, "uid 0") {
		t.Errorf("the log says %q", s)
	}
	if _, err := c.decided(Done{}, files.ErrWaiting); !errors.Is(err, files.ErrWaiting) {
		t.Error(err)
	}
}

// Whoever hung up reads nothing, and is no error of the server; who still waits when the time for the answer is over
// reads that something went wrong, and the log says what.
func TestCommandsThatAreNotAnsweredInTime(t *testing.T) {
	pages, err := ui.New()
	if err != nil {
		t.Fatal(err)
	}
	for cause, want := range map[error]int{context.Canceled: 0, deadline.ErrThink: http.StatusInternalServerError} {
		var log bytes.Buffer
		h := handler{Config{Pages: pages, Logger: slog.New(slog.NewTextHandler(&log, nil))}}
		ctx, end := context.WithCancelCause(t.Context())
		end(cause)
		w := &httptest.ResponseRecorder{}
		h.answer(w, httptest.NewRequestWithContext(ctx, http.MethodPost, Prefix+"people", strings.NewReader("{}")), "people", func(c *call) (any, error) {
			return nil, fmt.Errorf("read: %w", c.ctx.Err())
		})
		if w.Code != want || strings.Contains(log.String(), "level=ERROR") != (want == 500) {
			t.Errorf("%v: %d, and the log says %q", cause, w.Code, log.String())
		}
	}
}
