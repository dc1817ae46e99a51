package gateway

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// deadlines records the write deadlines that a handler sets.
type deadlines struct {
	*httptest.ResponseRecorder
	write []time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.write = append(d.write, t)
	return nil
}

// A deadline that outlives its request would end the next one on the connection.
func TestDeadlinesEndWithTheRequest(t *testing.T) {
	x := newIndex(t, nil)
	raw, contentType := encode(demo())
	put := httptest.NewRequest("POST", "/legacy/", bytes.NewReader(raw))
	put.Header.Set("Content-Type", contentType)
	put.SetBasicAuth("__token__", x.text)
	for _, r := range []*http.Request{put, httptest.NewRequest("GET", "/packages/demo/demo-1.0.tar.gz", nil)} {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		x.Config.Handler.ServeHTTP(w, r)
		if w.Code != 200 || len(w.write) == 0 || !w.write[len(w.write)-1].IsZero() {
			t.Errorf("%s: %d, %v", r.URL, w.Code, w.write)
		}
	}
}
