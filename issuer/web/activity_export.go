package web

import (
	"context"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/internal/audit"
)

// exports are the formats of an export.
var exports = map[string]struct {
	kind, suffix string
	open         func(io.Writer) (audit.Encoder, error)
}{
	"csv":   {"text/csv; charset=utf-8; header=present", ".csv", audit.NewCSV},
	"jsonl": {"application/x-ndjson", ".jsonl", func(w io.Writer) (audit.Encoder, error) { return audit.NewJSONLines(w), nil }},
}

// exportActivity sends all rows that a filter selects, newest first. It reads them page by page.
// Each page has its own transaction, which checks again whether the visitor may read it, so a slow
// reader holds up neither memory nor the store.
func (s *activityServer) exportActivity(of trailOf) handler {
	return func(v *visit) error {
		t, err := of(v)
		if err != nil {
			return err
		}
		form, ok := exports[v.QueryParam("format")]
		if !ok {
			return fail(http.StatusNotFound, "not_found")
		}
		q, err := s.readFilter(v, &t.page)
		if ps, status := v.problems(err); status != 0 {
			return s.activityPage(v, status, v.layoutWith(ps), t.page, audit.Page{})
		}
		if err != nil {
			return err
		}
		page, err := t.find(v.Request().Context(), q) // an error can only be shown before the first byte
		if err != nil {
			return err
		}
		h := v.Response().Header()
		h.Set(echo.HeaderContentType, form.kind)
		h.Set(echo.HeaderContentDisposition, mime.FormatMediaType("attachment", map[string]string{
			"filename": "rind-" + t.page.Whose + "-" + s.now().UTC().Format(time.DateOnly) + form.suffix,
		}))
		v.Response().WriteHeader(http.StatusOK)
		if v.Request().Method == http.MethodHead {
			return nil
		}
		if err := s.stream(v, form.open, t.find, q, page); err != nil {
			s.log.WarnContext(v.Request().Context(), "web: an export of the audit trail broke off", "request_id", idOf(v.Context), "error", err)
			panic(http.ErrAbortHandler) // an incomplete file must not look complete
		}
		return nil
	}
}

// stream writes a page of rows, then all older rows.
func (s *activityServer) stream(v *visit, open func(io.Writer) (audit.Encoder, error),
	find func(context.Context, audit.Query) (audit.Page, error), q audit.Query, page audit.Page) error {
	ctx := v.Request().Context()
	enc, err := open(v.Response())
	if err != nil {
		return err
	}
	for {
		for _, e := range page.Events {
			if err := enc.Encode(e); err != nil {
				return err
			}
		}
		if err := enc.Flush(); err != nil {
			return err
		}
		if page.Next == 0 {
			return nil
		}
		q.Before = page.Next
		page, err = find(ctx, q)
		if err != nil {
			return err
		}
	}
}
