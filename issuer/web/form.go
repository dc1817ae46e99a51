package web

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/internal/problem"
)

const (
	maxForm  = 64 << 10 // bytes of a form; the longest password is 4,096
	maxDrain = 32 << 20 // bytes of an oversized form that are read and discarded
)

// pageEdge limits the body of a request for a page, and forbids caches to store the page.
func pageEdge(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("Cache-Control", "no-store")
		if err := readWholeBody(c.Request()); err != nil {
			return err
		}
		return next(c)
	}
}

// readWholeBody reads the body of a form before any answer, even if it is too large, because a browser
// that is still sending does not show an answer.
func readWholeBody(r *http.Request) error {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err == nil && len(b) > maxForm {
		if _, err := io.CopyN(io.Discard, r.Body, maxDrain); err != nil && !errors.Is(err, io.EOF) {
			return errors.Join(fail(http.StatusRequestEntityTooLarge, "form_too_large"), err)
		}
		return fail(http.StatusRequestEntityTooLarge, "form_too_large")
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fail(http.StatusRequestTimeout, "form_damaged")
	}
	if err != nil {
		return fail(http.StatusBadRequest, "form_damaged")
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	return nil
}

// readForm reads URL-encoded fields from the body, not from the query. They must be UTF-8, and only fields
// in lists may be repeated.
func readForm(c echo.Context, lists ...string) (url.Values, error) {
	r := c.Request()
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.ContentLength != 0 && (err != nil || kind != echo.MIMEApplicationForm) {
		return nil, fail(http.StatusUnsupportedMediaType, "form_type")
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(b))
	if err != nil {
		return nil, fail(http.StatusBadRequest, "form_damaged")
	}
	for key, values := range form {
		if len(values) > 1 && !slices.Contains(lists, key) {
			return nil, fail(http.StatusBadRequest, "form_repeated")
		}
		for _, v := range append(values, key) {
			if !utf8.ValidString(v) {
				return nil, fail(http.StatusBadRequest, "form_damaged")
			}
		}
	}
	return form, nil
}

// endOf returns the end of a day in UTC, so that a token still works on the chosen date. If the text is not
// a date, ok is false and end is zero, which the issuer refuses.
func endOf(date string) (end time.Time, ok bool) {
	if date == "" {
		return time.Time{}, true
	}
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return time.Time{}, false
	}
	return day.AddDate(0, 0, 1), true
}

// withDate changes err to say that the date is invalid, instead of missing.
func withDate(err error, date bool) error {
	var ps problem.Problems
	if date || !errors.As(err, &ps) {
		return err
	}
	out := slices.DeleteFunc(slices.Clone(ps), func(p problem.Problem) bool { return p.Field == "expires" })
	out.Add("expires", "date_invalid")
	return out
}
