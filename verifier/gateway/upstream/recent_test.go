package upstream

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/verifier/gateway"
	"github.com/rind-dev/rind/verifier/gateway/internal/gatetest"
)

// lasting is a recent whose lists count for an hour.
func lasting() *recent {
	r := &NewTraffic().recent
	r.life = time.Hour
	return r
}

// readList reads a list of demo with the names.
func readList(r *recent, names ...string) {
	list, ended := r.startList(nil, "demo")
	for _, name := range names {
		list.add(name, keysOf(name, "demo").identity)
	}
	ended(true)
}

func lacks(r *recent, name string) bool { return r.lacks(nil, "demo", keysOf(name, "demo")) }

// What a list has, what is equivalent to that, and what nobody knows, is never taken for missing.
func TestRecentLists(t *testing.T) {
	r := lasting()
	if lacks(r, tarName) {
		t.Error("there was no list")
	}
	readList(r, "demo-1.0.tar.gz", "demo-2.0-py2.py3-none-any.whl", "not a name")
	for name, want := range map[string]bool{
		"demo-1.0.tar.gz": false, "demo-1.0.0.zip": false, "DEMO-1.0.tar.gz": false, "demo-2.0-py3.py2-none-any.whl": false, "not a name": false,
		"demo-1.1.tar.gz": true, "demo-2.0-py3-none-any.whl": true, "demo-1.0-py3-none-any.whl": true,
	} {
		if lacks(r, name) != want {
			t.Errorf("%s: lacks is %v, want %v", name, !want, want)
		}
	}
	if r.lacks(&sharedLists{}, "demo", keysOf("demo-1.1.tar.gz", "demo")) {
		t.Error("the list of another Upstream counts")
	}
	if r.lacks(nil, "other", keysOf("other-1.0.tar.gz", "other")) {
		t.Error("the list of another project does not tell")
	}
	list, ended := r.startList(nil, "demo")
	list.add("demo-3.0.tar.gz", keysOf("demo-3.0.tar.gz", "demo").identity)
	ended(false)
	if !lacks(r, "demo-3.0.tar.gz") {
		t.Error("a list that broke replaced the last one")
	}
}

// A file is known from the moment on when it begins to be passed on, to lists that were asked for before, while and after that, in
// whatever order they arrive.
func TestRecentListsKnowWhatWasPassedOn(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps func(r *recent, pass func(), passed func())
	}{
		{"after the list", func(r *recent, pass, passed func()) { readList(r); pass(); passed() }},
		{"under way after the list", func(r *recent, pass, _ func()) { readList(r); pass() }},
		{"while the list is read", func(r *recent, pass, passed func()) {
			_, ended := r.startList(nil, "demo")
			pass()
			passed()
			ended(true)
		}},
		{"before the list, and still under way", func(r *recent, pass, _ func()) { pass(); readList(r) }},
		{"before the list, and done while it is read", func(r *recent, pass, passed func()) {
			pass()
			_, ended := r.startList(nil, "demo")
			passed()
			ended(true)
		}},
		{"while two lists are read, of which the older comes last", func(r *recent, pass, passed func()) {
			_, older := r.startList(nil, "demo")
			pass()
			_, newer := r.startList(nil, "demo")
			passed()
			newer(true)
			older(true)
		}},
	} {
		r := lasting()
		var done func(time.Duration)
		c.steps(r, func() { done = r.startPass("demo", keysOf(tarName, "demo")) }, func() { done(0) })
		if lacks(r, tarName) || lacks(r, "demo-1.0.zip") {
			t.Errorf("%s: it is taken for missing", c.name)
		}
		if !lacks(r, "demo-1.1.tar.gz") {
			t.Errorf("%s: another file is not known to be missing", c.name)
		}
	}
	r := lasting()
	_, older := r.startList(nil, "demo")
	readList(r, tarName)
	older(true)
	if lacks(r, tarName) {
		t.Error("an older list that arrives last counts more than a newer one")
	}
	r = lasting()
	r.startPass("demo", keysOf(tarName, "demo"))(time.Hour)
	readList(r)
	if lacks(r, tarName) {
		t.Error("a file that lists may not have yet is taken for missing")
	}
	r = lasting()
	r.startPass("demo", keysOf(tarName, "demo"))(0)
	readList(r)
	if !lacks(r, tarName) {
		t.Error("a file that the index let go of, or did not take, is remembered longer than until the next list")
	}
}

// Lists count for a short time from the moment on when they were asked for, and leave nothing behind; a very long one does not count.
func TestRecentListsEnd(t *testing.T) {
	r := lasting()
	for _, more := range []int{0, 1} {
		list, ended := r.startList(nil, "demo")
		for i := range recentNames/2 + more {
			list.add(fmt.Sprintf("demo-%d.tar.gz", i), fmt.Sprint(i))
		}
		ended(true)
		if lacks(r, "demo-1.0a1.tar.gz") != (more == 0) {
			t.Errorf("%d and %d names", recentNames, 2*more)
		}
		r.byProject = map[string]*recentProject{}
	}
	r.life = time.Millisecond
	late, ended := r.startList(nil, "demo")
	late.asked = late.asked.Add(-time.Second)
	ended(true)
	if lacks(r, tarName) || len(r.byProject) != 0 {
		t.Error("a list that took longer than lists count is kept")
	}
	r.life = 20 * time.Millisecond
	readList(r)
	done := r.startPass("demo", keysOf(tarName, "demo"))
	eventually(t, "the list is forgotten", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.byProject["demo"].last == nil
	})
	if lacks(r, "demo-1.1.tar.gz") {
		t.Error("an old list counts")
	}
	done(0)
	if len(r.byProject) != 0 {
		t.Error("something of the project is left")
	}
}

// A list counts no more when too many files were passed on to remember them, before it was asked for or since.
func TestRecentListsOfManyFiles(t *testing.T) {
	for _, before := range []bool{true, false} {
		r := lasting()
		if !before {
			readList(r)
		}
		for i := range recentNames/2 + 2 {
			if i == recentNames/2 && before {
				readList(r)
			}
			if i == recentNames/2 && !lacks(r, tarName) {
				t.Errorf("before %v: the list does not count with %d files", before, i)
			}
			r.startPass("demo", keysOf(fmt.Sprintf("demo-2.%d.tar.gz", i), "demo"))
		}
		if before {
			readList(r)
		}
		if lacks(r, tarName) {
			t.Errorf("before %v: the list counts", before)
		}
	}
}

// Uploads one after the other ask for one list; what the index or the gateway has got in the meantime is found all the same.
func TestUploadsAfterAListAskForNone(t *testing.T) {
	index := startIndex(t)
	b := newBehind(t, index, nil)
	b.up.traffic.recent.life = time.Hour
	pages := 0
	index.set(func() { index.replaces, index.paged = true, func() { pages++ } })
	for i := range 10 {
		if status, body := b.post(fmt.Sprintf("demo-1.0-%d-py3-none-any.whl", i), "one"); status != "200 OK" {
			t.Fatal(status, body)
		}
	}
	if pages != 1 {
		t.Errorf("%d pages were read for 10 uploads, want 1", pages)
	}
	if status, _ := b.post("demo-1.0-3-py3-none-any.whl", "one"); status != "200 OK" || pages != 2 || !b.Uploads[len(b.Uploads)-1].Repeated {
		t.Errorf("the same file again: %s after %d pages", status, pages)
	}
	if status, body := b.post("demo-1.0-03-py3-none-any.whl", "one"); !strings.HasPrefix(status, "400 File already exists") {
		t.Errorf("an equivalent file: %s %s", status, body)
	}
	if status, body := b.post("demo-1.0-4-py3-none-any.whl", "two"); !strings.HasPrefix(status, "400 File already exists") {
		t.Errorf("other content: %s %s", status, body)
	}
}

// An index that stores a file after the connection broke, and after lists were read that lack it, does not get an equivalent one.
func TestStoredAfterTheConnectionBroke(t *testing.T) {
	index := startIndex(t)
	b := newBehind(t, index, nil)
	b.up.traffic.recent.life = time.Hour
	index.set(func() { index.before = func(w http.ResponseWriter, _ *http.Request) bool { return cutAt(w) } })
	if status, _ := b.post(tarName, "one"); !strings.HasPrefix(status, "503 ") {
		t.Fatal(status)
	}
	index.set(func() { index.before = nil })
	b.up.traffic.recent.mu.Lock()
	b.up.traffic.recent.byProject["demo"].last = nil
	b.up.traffic.recent.mu.Unlock()
	if status, body := b.post(wheelName, "one"); status != "200 OK" {
		t.Fatal(status, body)
	}
	index.set(func() { index.files["demo/"+tarName] = gatetest.Pack(tarName, "one") })
	if status, body := b.post("demo-1.0.zip", "one"); !strings.HasPrefix(status, "400 File already exists") {
		t.Error(status, body)
	}
}

// A file that the index refused is not remembered. One whose way ended in a panic is, but not for ever.
func TestHowLongAFileCounts(t *testing.T) {
	index := startIndex(t)
	b := newBehind(t, index, nil)
	b.up.traffic.recent.life = time.Hour
	passing := func() int {
		b.up.traffic.recent.mu.Lock()
		defer b.up.traffic.recent.mu.Unlock()
		return len(b.up.traffic.recent.byProject["demo"].passing)
	}
	index.set(func() {
		index.before = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusBadRequest); return true }
	})
	if status, _ := b.post(tarName, "one"); !strings.HasPrefix(status, "400 ") || passing() != 0 {
		t.Errorf("refused: %s, %d files are remembered", status, passing())
	}
	index.set(func() { index.before = nil })
	if status, _ := b.post(wheelName, "one"); status != "200 OK" || passing() != 1 {
		t.Errorf("kept: %s, %d files are remembered", status, passing())
	}
	b.up.traffic.recent.unknown = 50 * time.Millisecond
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		_, _ = b.up.pass(t.Context(), gateway.Upload{Project: "demo", Filename: "demo-2.0.tar.gz"}, nil) // a form that is not there
	}()
	if passing() != 2 || b.up.traffic.files.Len() != 0 {
		t.Errorf("after a panic %d files are remembered, and %d locked", passing(), b.up.traffic.files.Len())
	}
	eventually(t, "what ended in a panic is forgotten", func() bool { return passing() == 1 })
}
