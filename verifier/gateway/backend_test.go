package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/verifier/gateway"
)

// failing is a backend whose disk is full at one of its steps.
type failing struct {
	gateway.Backend
	at string
}

var errFull = errors.New("no space left on device, in /secret/place")

type failingFile struct {
	gateway.Staged
	at string
}

func (f failing) Reserve(ctx context.Context, up gateway.Upload) (gateway.Staged, error) {
	s, err := f.Backend.Reserve(ctx, up)
	if f.at == "stage" {
		s.Discard()
		return nil, errFull
	}
	return failingFile{s, f.at}, err
}

func (f failingFile) Write(p []byte) (int, error) {
	switch f.at {
	case "write":
		return 0, errFull
	case "short":
		return len(p) / 2, nil
	case "bug":
		panic("a bug")
	}
	return f.Staged.Write(p)
}

func (f failingFile) Commit(ctx context.Context, up gateway.Upload) (bool, error) {
	if f.at == "commit" {
		f.Discard()
		return false, errFull
	}
	return f.Staged.Commit(ctx, up)
}

func TestDiskFull(t *testing.T) {
	for _, at := range []string{"stage", "write", "short", "commit"} {
		x := newIndex(t, func(c *gateway.Config) { c.Backend = failing{c.Backend, at} })
		status, body := x.Post(x.Text, demo())
		if !strings.HasPrefix(status, "503 The file could not be stored right now.") || strings.Contains(status+body, "secret") {
			t.Errorf("%s: %s", at, status)
		}
		if len(x.Stored())+len(x.Staged())+len(x.Uploads) != 0 || (at != "short" && !strings.Contains(x.Log.String(), "no space left")) {
			t.Errorf("%s: %v, %v, %s", at, x.Stored(), x.Staged(), x.Log)
		}
	}
}

// A bug of a backend costs its request, and nothing of the file stays behind.
func TestBackendPanics(t *testing.T) {
	x := newIndex(t, func(c *gateway.Config) { c.Backend = failing{c.Backend, "bug"} })
	raw, contentType := encode(demo())
	r, err := http.NewRequest(http.MethodPost, x.URL+"/legacy/", bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	r.SetBasicAuth("__token__", x.Text)
	res, err := http.DefaultClient.Do(r)
	if err == nil {
		res.Body.Close()
		t.Error(res.Status)
	}
	if len(x.Stored())+len(x.Staged()) != 0 {
		t.Errorf("left: %v, %v", x.Stored(), x.Staged())
	}
}

// refusing is a backend that says no, at one of its steps, in its own words.
type refusing struct {
	gateway.Backend
	known  *gateway.Upload // what Reserve was told
	atEnd  bool
	answer error
}

func (r refusing) Reserve(ctx context.Context, up gateway.Upload) (gateway.Staged, error) {
	*r.known = up
	if !r.atEnd {
		return nil, r.answer
	}
	s, err := r.Backend.Reserve(ctx, up)
	return refusingFile{s, r.answer}, err
}

type refusingFile struct {
	gateway.Staged
	answer error
}

func (r refusingFile) Commit(context.Context, gateway.Upload) (bool, error) {
	r.Discard()
	return false, r.answer
}

// A backend refuses in its own words, before the bytes of the file arrive or after; a status that is none of an
// upload's answers, such as an upstream's own 401, reaches nobody.
func TestBackendRefuses(t *testing.T) {
	for status, want := range map[int]string{
		400: "400 Wheels only here.", 413: "413 Wheels only here.", 429: "429 Wheels only here.", 502: "502 Wheels only here.", 503: "503 Wheels only here.",
		0: "503 The file could", 200: "503 The file could", 301: "503 The file could", 401: "503 The file could", 403: "503 The file could", 404: "503 The file could", 500: "503 The file could",
	} {
		for _, atEnd := range []bool{false, true} {
			var known gateway.Upload
			refusal := &gateway.Refusal{Status: status, Reason: "Wheels only here.", RetryAfter: 7 * time.Second, Err: errFull}
			x := newIndex(t, func(c *gateway.Config) {
				c.Backend = refusing{c.Backend, &known, atEnd, fmt.Errorf("the backend: %w", refusal)}
				c.Refuser.MaxDrain = -1
			})
			raw, contentType := encode(demo())
			var body io.Reader = bytes.NewReader(raw)
			if !atEnd { // the rest of the file never comes
				stalled := &stalled{bytes.NewReader(raw[:bytes.Index(raw, []byte("\x1f\x8b"))+3]), make(chan struct{})}
				defer close(stalled.done)
				body = stalled
			}
			got, text := x.Send("Bearer "+x.Text, contentType, body)
			if !strings.HasPrefix(got, want) || strings.Contains(got+text, "secret") {
				t.Errorf("%d, at the end %v: %s", status, atEnd, got)
			}
			if known.Project != "demo" || known.Version != "1.0" || known.Filename != "demo-1.0.tar.gz" || known.Filetype != "sdist" || known.Size != 0 || known.SHA256 != "" {
				t.Errorf("Reserve was told %+v", known)
			}
			if len(x.Stored())+len(x.Staged())+len(x.Uploads) != 0 || !strings.Contains(x.Log.String(), "no space left") {
				t.Errorf("%v, %v, %s", x.Stored(), x.Staged(), x.Log)
			}
		}
	}
}
