package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/realtest"
)

// TestQuestionsOutliveNavigations: a page that goes elsewhere again and again, by script and
// without a word, cuts questions short. All of them are answered by a page that stays
// for as long as it takes.
func TestQuestionsOutliveNavigations(t *testing.T) {
	t.Parallel()
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

// A button that the page does not have is missed within seconds, by its name, beside what there is; and
// the page is shown in words and in a picture.
func TestAButtonThatIsMissing(t *testing.T) {
	t.Parallel()
	realtest.Need(t, realtest.Chromium)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><title>x</title><main>hello<form><button>Save  it</button><button hidden>Delete</button></form></main>`)
	}))
	defer s.Close()
	b := newBrowser(t)
	b.open(s.URL)
	began := time.Now()
	for _, name := range []string{"Delete", "Create token"} { // one can't be seen, one is not there
		err := b.pressed(name)
		if err == nil || !strings.Contains(err.Error(), `"Save it"`) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if took := time.Since(began); took > stepTime {
		t.Errorf("two missing buttons took %s", took)
	}
	if err := b.pressed("Save it"); err != nil {
		t.Error(err)
	}
	where := b.where()
	file := regexp.MustCompile(`in a picture: (\S+)\n`).FindStringSubmatch(where)
	if !strings.Contains(where, "at "+s.URL) || !strings.Contains(where, "hello") || file == nil {
		t.Fatal(where)
	}
	if png, err := os.ReadFile(file[1]); err != nil || !strings.HasPrefix(string(png), "\x89PNG") {
		t.Errorf("the picture: %v", err)
	}
	_ = os.Remove(file[1])
}
