package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// routes are all that the server answers to, with what visitors were answered there.
type routes struct {
	all  []*routeSeen
	page map[string]*routeSeen
}

// routeSeen is a route, like GET /tokens/:id.
type routeSeen struct {
	method, pattern string
	form            *regexp.Regexp
	static          int             // parts that are no parameters
	shown           map[string]bool // who was answered with 200
	done            bool            // whether anybody was answered with 2xx, or led on and not to sign in
	asked           int
	known           bool // something leads there: a page, an answer or a mail
}

var rowForm = regexp.MustCompile(`(?m)^\s*"([A-Z]+) (/\S*)":`)

// readRoutes reads the routes from the matrix of package web, which holds all: its
// test fails for a route without a row, and for a row without a route.
func readRoutes(t *testing.T) routes {
	t.Helper()
	out := routes{page: map[string]*routeSeen{}}
	files, err := filepath.Glob("../../issuer/web/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.Contains(filepath.Base(file), "matrix") {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range rowForm.FindAllStringSubmatch(string(b), -1) {
			out.add(m[1], m[2])
		}
	}
	if len(out.all) < 80 {
		t.Fatalf("%d routes were read from the matrix", len(out.all))
	}
	return out
}

func (rs *routes) add(method, pattern string) {
	if rs.page[method+" "+pattern] != nil {
		return
	}
	form, static := "", 0
	for _, part := range strings.Split(strings.TrimPrefix(pattern, "/"), "/") {
		switch {
		case strings.HasPrefix(part, ":"):
			form += "/[^/]+"
		case part == "*":
			form += "/.*"
		default:
			form += "/" + regexp.QuoteMeta(part)
			static++
		}
	}
	r := &routeSeen{method: method, pattern: pattern, form: regexp.MustCompile("^" + form + "$"), static: static, shown: map[string]bool{}}
	rs.all = append(rs.all, r)
	rs.page[method+" "+pattern] = r
}

// of is the route that answers a request, as the router chooses it: the one with the
// most parts that are no parameters. nil: none.
func (rs *routes) of(method, path string) (best *routeSeen) {
	for _, r := range rs.all {
		if r.method == method && r.form.MatchString(path) && (best == nil || r.static > best.static) {
			best = r
		}
	}
	return best
}

// saw notes what somebody was answered, and names the route.
func (rs *routes) saw(method, path, who string, status int, to string) string {
	r := rs.of(method, path)
	if r == nil {
		return "no route"
	}
	r.asked++
	r.shown[who] = r.shown[who] || status == 200
	r.done = r.done || status < 400 && !(status == 303 && (strings.HasPrefix(to, "/login/") || strings.HasPrefix(to, "/login?")))
	return r.method + " " + r.pattern
}

// linked notes where addresses lead.
func (rs *routes) linked(addresses ...string) {
	for _, at := range addresses {
		path, _, _ := strings.Cut(at, "?")
		if r := rs.of("GET", path); r != nil {
			r.known = true
		}
	}
}

// unlinked are the routes of GET that no page leads to.
var unlinked = map[string]string{
	"/setup": "the first start prints it", "/healthz": "for programs", "/simple": "for pip", "/simple/*": "for pip", "/packages/*": "for pip",
	"/legacy": "for uploads", "/legacy/": "for uploads", "/legacy/*": "hatch prints it", "/project/*": "flit prints it",
	"/legacy/+simple/*": "for hatch", "/legacy/%2Bsimple/*": "for hatch", "/legacy/%2bsimple/*": "for hatch",
	"/projects/:name/publishers/:id/take-over": "for an owner whose job was refused", "/account/publishers/:id/take-over": "likewise",
	"/_/oidc/audience": "for jobs of a CI", "/.well-known/pytp": "for jobs of a CI",
}

// gets are the patterns of pages.
func (rs *routes) gets() (out []string) {
	for _, r := range rs.all {
		if r.method == "GET" {
			out = append(out, r.pattern)
		}
	}
	return out
}

// unshown are the routes that answer with something else than a page, and those for jobs: only a CI that this
// machine can't reach signs what they take. The tests of package web have a CI of their own.
var unshown = map[string]string{
	"/simple": "it leads to /simple/", "/legacy": "it takes uploads only", "/legacy/": "it takes uploads only",
	"/legacy/*": "it leads to the project", "/project/*": "it leads to the project",
	"/legacy/+simple/*": "the index", "/legacy/%2Bsimple/*": "the same, as hatch writes it", "/legacy/%2bsimple/*": "the same, in lower case",
	"/projects/:name/publishers/:id/take-over": "for an owner whose job was refused", "/account/publishers/:id/take-over": "likewise",
	"/_/oidc/mint-token": "for jobs", "/_/oidc/github/mint-token": "for jobs", "/_/oidc/burn-token": "for jobs",
}

// complete fails the test for each page that nobody saw, and for each form that never
// did what it is for.
func (rs *routes) complete(t *testing.T) {
	t.Helper()
	for _, r := range rs.all {
		seen := r.done
		if r.method == "GET" {
			seen = r.anybody()
		}
		if r.method == "GET" && !r.known && unlinked[r.pattern] == "" {
			t.Errorf("GET %s: no page, no answer and no mail leads there", r.pattern)
		}
		if !seen && unshown[r.pattern] == "" {
			t.Errorf("%s %s: the tour never got there (asked %d times): link to it from a page, or lead somebody there in internal/e2e/tour_*_test.go", r.method, r.pattern, r.asked)
		}
	}
}

// anybody reports whether somebody was shown the page.
func (r *routeSeen) anybody() bool {
	for _, shown := range r.shown {
		if shown {
			return true
		}
	}
	return false
}
