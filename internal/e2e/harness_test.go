package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rind-dev/rind/internal/realtest"
)

// TestQuestionsOutliveNavigations: a page that goes elsewhere again and again, by script and
// without a word, cuts questions short. All of them are answered by a page that stays
// for as long as it takes.
func TestQuestionsOutliveNavigations(t *testing.T) {
	realtest.Need(t, realtest.Chromium)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><title>x</title><main>hello</main><script>setTimeout(() => { location.href = "/" + Math.random() }, 3)</script>`)
	}))
	defer s.Close()
	b := newBrowser(t)
	b.open(s.URL)
	for range 150 {
		if got := evaluate[int](b, "(() => { const end = performance.now() + 4; while (performance.now() < end); return 7 })()"); got != 7 {
			t.Fatal(got)
		}
		if text := b.text(); text != "" && text != "hello" {
			t.Fatal(text)
		}
	}
	b.act(`location.href = "about:blank"`)
}
