package e2e

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// tag is an element of a page as it begins.
type tag struct {
	name  string
	attrs map[string]string
	text  string // up to the next tag
}

var (
	tagForm  = regexp.MustCompile(`(?s)<([a-zA-Z][a-zA-Z0-9]*)((?:\s+[^\s=>/"]+(?:="[^"]*")?)*)\s*/?>([^<]*)`)
	attrForm = regexp.MustCompile(`(?s)([^\s=>/"]+)(?:="([^"]*)")?`)
)

// known are the elements of pages that were read, which several checks do one after another.
// Nothing changes them.
var known sync.Map

// tags lists the elements of a page of rind, which are written in one way: package ui
// tests that.
func tags(page string) []tag {
	if all, ok := known.Load(page); ok {
		return all.([]tag)
	}
	all := readTags(page)
	known.Store(page, all)
	return all
}

func readTags(page string) (out []tag) {
	for _, m := range tagForm.FindAllStringSubmatch(page, -1) {
		t := tag{name: strings.ToLower(m[1]), attrs: map[string]string{}, text: html.UnescapeString(m[3])}
		for _, a := range attrForm.FindAllStringSubmatch(m[2], -1) {
			t.attrs[strings.ToLower(a[1])] = html.UnescapeString(a[2])
		}
		out = append(out, t)
	}
	return out
}

// formOf is a form of a page, with what it would send as it stands.
type formOf struct {
	method, action string
	fields         url.Values
	choices        map[string][]string // values of radio buttons, boxes and selections
}

// forms lists the forms of a page.
func forms(page string) (out []formOf) {
	selecting := ""
	for _, part := range strings.Split(page, "<form")[1:] {
		inner, _, _ := strings.Cut(part, "</form>")
		all := tags("<form" + inner)
		f := formOf{all[0].attrs["method"], all[0].attrs["action"], url.Values{}, map[string][]string{}}
		for _, e := range all[1:] {
			name, value := e.attrs["name"], e.attrs["value"]
			_, checked := e.attrs["checked"]
			_, selected := e.attrs["selected"]
			switch {
			case e.name == "select":
				selecting = name
			case e.name == "option":
				f.choices[selecting] = append(f.choices[selecting], value)
				if selected || len(f.choices[selecting]) == 1 {
					f.fields.Set(selecting, value)
				}
			case name == "" || e.name == "button":
			case e.attrs["type"] == "radio" || e.attrs["type"] == "checkbox":
				f.choices[name] = append(f.choices[name], value)
				if checked {
					f.fields.Add(name, value)
				}
			case e.name == "textarea":
				f.fields.Set(name, e.text)
			case e.name == "input":
				f.fields.Set(name, value)
			}
		}
		out = append(out, f)
	}
	return out
}

// element is the text of the element with the id, without the markup in it.
func element(page, id string) string {
	m := regexp.MustCompile(`<(\w+)[^>]*\bid="` + id + `"[^>]*>`).FindStringSubmatchIndex(page)
	if m == nil {
		return ""
	}
	inner, _, _ := strings.Cut(page[m[1]:], "</"+page[m[2]:m[3]]+">")
	return strings.TrimSpace(html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(inner, "")))
}

// fixedHeaders are what every answer of a page carries, word for word.
var fixedHeaders = map[string]string{
	"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin", "Strict-Transport-Security": "max-age=31536000",
}

// open reports whether a path is open to everybody and every cache: the upload API, the
// index and the files for scripts and styles, which have headers of their own.
func open(path string) bool {
	for _, p := range []string{"/assets/", "/simple", "/packages/", "/legacy", "/feed/"} {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

// tooOpen finds what a policy must not allow.
var tooOpen = regexp.MustCompile(`unsafe|\*|data:|https?:`)

// wrongHeaders says what is wrong with the headers of an answer.
func wrongHeaders(path string, h http.Header) (wrong []string) {
	for name, want := range fixedHeaders {
		if name == "Cross-Origin-Resource-Policy" && (strings.HasPrefix(path, "/simple") || strings.HasPrefix(path, "/packages/") || strings.HasPrefix(path, "/legacy/+simple/")) && len(h.Values("Access-Control-Allow-Origin")) > 0 {
			want = "cross-origin"
		}
		if got := h.Values(name); len(got) != 1 || got[0] != want {
			wrong = append(wrong, fmt.Sprintf("%s is %q, want %q", name, got, want))
		}
	}
	policy := h.Get("Content-Security-Policy")
	parts := []string{"form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"}
	lacks := func(part string) bool { return !open(path) && !strings.Contains(policy, part) }
	if !strings.HasPrefix(policy, "default-src 'none'") || slices.ContainsFunc(parts, lacks) || tooOpen.MatchString(policy) {
		wrong = append(wrong, fmt.Sprintf("Content-Security-Policy is %q", policy))
	}
	for _, feature := range []string{"camera=()", "microphone=()", "geolocation=()"} {
		if !strings.Contains(h.Get("Permissions-Policy"), feature) {
			wrong = append(wrong, fmt.Sprintf("Permissions-Policy is %q", h.Get("Permissions-Policy")))
		}
	}
	if cache := h.Values("Cache-Control"); !open(path) && !slices.Contains(cache, "no-store") {
		wrong = append(wrong, fmt.Sprintf("Cache-Control is %q, want no-store", cache))
	}
	for _, c := range (&http.Response{Header: h}).Cookies() {
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" ||
			c.SameSite != http.SameSiteLaxMode && c.SameSite != http.SameSiteStrictMode {
			wrong = append(wrong, fmt.Sprintf("the cookie %s lacks what keeps it here: __Host-, Secure, HttpOnly, SameSite, Path=/", c.Name))
		}
	}
	if h.Get("Server") != "" || h.Get("X-Powered-By") != "" {
		wrong = append(wrong, "it says which program answers")
	}
	return wrong
}

// wrongMarkup says what is wrong with a page.
func wrongMarkup(page string) (wrong []string) {
	titles := 0
	for _, e := range tags(page) {
		for name, value := range e.attrs {
			scheme := strings.ToLower(strings.TrimSpace(value))
			switch {
			case strings.HasPrefix(name, "on"), name == "style":
				wrong = append(wrong, fmt.Sprintf("<%s %s=…> is script or style in the page", e.name, name))
			case strings.HasPrefix(scheme, "javascript:"), strings.HasPrefix(scheme, "data:"):
				wrong = append(wrong, fmt.Sprintf("<%s %s=%q>", e.name, name, value))
			case (name == "src" || name == "formaction") && !local(value):
				wrong = append(wrong, fmt.Sprintf("<%s %s=%q> leads elsewhere", e.name, name, value))
			}
		}
		switch e.name {
		case "h1":
			titles++
		case "style", "iframe", "object", "embed", "base":
			wrong = append(wrong, "<"+e.name+"> is in the page")
		case "script":
			if e.attrs["src"] == "" || strings.TrimSpace(e.text) != "" {
				wrong = append(wrong, "a script stands in the page")
			}
		case "link":
			if !local(e.attrs["href"]) {
				wrong = append(wrong, fmt.Sprintf("<link href=%q> leads elsewhere", e.attrs["href"]))
			}
		case "form":
			if m := e.attrs["method"]; m != "post" && m != "get" || !local(e.attrs["action"]) {
				wrong = append(wrong, fmt.Sprintf("a form is sent by %q to %q", m, e.attrs["action"]))
			}
		}
	}
	if titles != 1 {
		wrong = append(wrong, fmt.Sprintf("it has %d headings of the first level", titles))
	}
	return wrong
}

// local reports whether an address is one of the page's own server.
func local(address string) bool {
	return strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//") && !strings.Contains(address, `\`)
}

// The checks find what they are for.
func TestChecksOfPagesFindMistakes(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		`<p onclick="x()">`, `<p style="color: red">`, `<a href="javascript:x()">`, `<a href=" JavaScript:x()">`, `<style>p{}</style>`, `<script>x()</script>`,
		`<script src="/a.js">x()</script>`, `<script src="//evil.example/a.js"></script>`, `<img src="data:image/png;base64,AA">`, `<link rel="stylesheet" href="https://evil.example/a.css">`,
		`<form action="/a">`, `<form method="post">`, `<form method="post" action="https://evil.example/">`, `<form method="post" action="//evil.example/">`,
		`<button type="submit" formaction="//evil.example/">`, `<base href="/">`, `<iframe src="/a"></iframe>`, `<h1>Another</h1>`,
	} {
		if len(wrongMarkup("<h1>Title</h1>"+bad)) == 0 {
			t.Errorf("nothing is found in %s", bad)
		}
	}
	const good = `<h1>Title</h1><form method="post" action="/a"><input type="hidden" name="a" value="1 &amp; 2"><input type="radio" name="b" value="x"><input type="radio" name="b" value="y" checked>` +
		`<select name="c"><option value="1">1</option><option value="2" selected>2</option></select><textarea name="d">text</textarea></form><script src="/a.js" defer></script>`
	if wrong := wrongMarkup(good); len(wrong) > 0 {
		t.Errorf("found %q where nothing is wrong", wrong)
	}
	f := forms(good)
	if len(f) != 1 || f[0].action != "/a" || f[0].fields.Encode() != "a=1+%26+2&b=y&c=2&d=text" || fmt.Sprint(f[0].choices) != "map[b:[x y] c:[1 2]]" {
		t.Errorf("the form is read as %+v", f)
	}
	if wrong := wrongHeaders("/tokens", http.Header{}); len(wrong) < 8 {
		t.Errorf("without headers: %q", wrong)
	}
}
