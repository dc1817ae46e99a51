// Package ui renders the pages of rind and the words of its mails.
//
// Begin with New, Renderer, Layout and View. A handler fills a view model (one of the …Page types) with copies of the
// few fields that the page shows, and passes it to Renderer.Render:
//
//	pages, err := ui.New()
//	…
//	err = pages.Render(w, ui.TokensPage{Layout: layout, Tokens: rows})
//
// Each page has a …Page type, whose comment names the form that it sends. The other types are parts of pages, mostly
// rows of their lists. Those of one subject are in one file, view_<subject>.go. Path is the type of all addresses.
// Renderer.Mail writes the mails; the Mail… constants are their kinds. To see the pages, run ./internal/preview.
//
// Every sentence is in a message catalogue (messages/<language>.json) and has a key, so a new language needs no
// change to a page. Pages contain no inline scripts, styles or event attributes, so they work under Policy. They work
// without JavaScript, which only adds conveniences such as copy buttons and times in the reader's time zone.
//
// The package knows nothing of requests, sessions or stores, and imports only the standard library.
package ui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed templates
var templateFiles embed.FS

// Policy is the Content-Security-Policy of the pages.
const Policy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Renderer draws pages and formats sentences. It is safe for concurrent use.
type Renderer struct {
	languages map[string]*language // by BCP 47 tag, lower case
	assets    *assetFiles
}

// language holds the pages and the words of one language.
type language struct {
	catalogue *catalogue
	pages     map[string]func() (*template.Template, error) // each parses its page when it is first called
}

// New reads the embedded catalogues and templates. A page is parsed when it is first rendered, because all of them take a quarter of a
// second of CPU. An error means that the program was built from broken files.
func New() (*Renderer, error) {
	assets, err := readAssets()
	if err != nil {
		return nil, err
	}
	catalogues, err := readCatalogues()
	if err != nil {
		return nil, err
	}
	r := &Renderer{languages: make(map[string]*language), assets: assets}
	for tag, c := range catalogues {
		pages, err := parsePages(c, assets)
		if err != nil {
			return nil, err
		}
		r.languages[tag] = &language{catalogue: c, pages: pages}
	}
	return r, nil
}

// parsePages parses the shared parts, and makes the function that parses each page beside them.
func parsePages(c *catalogue, assets *assetFiles) (map[string]func() (*template.Template, error), error) {
	base := template.New("layout").Funcs(funcs(c, assets)).Option("missingkey=error")
	if _, err := base.ParseFS(templateFiles, "templates/parts/*.html"); err != nil {
		return nil, fmt.Errorf("ui: templates: %w", err)
	}
	files, err := fs.Glob(templateFiles, "templates/pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("ui: templates: %w", err)
	}
	pages := make(map[string]func() (*template.Template, error), len(files))
	for _, file := range files {
		pages[strings.TrimSuffix(path.Base(file), ".html")] = sync.OnceValues(func() (*template.Template, error) {
			set, err := base.Clone()
			if err != nil {
				return nil, err
			}
			return set.ParseFS(templateFiles, file)
		})
	}
	return pages, nil
}

// Render writes the page of v to w. If it can't complete the page, it writes nothing.
func (r *Renderer) Render(w io.Writer, v View) error {
	page := v.about().page
	lang := r.language(v.layout().Lang)
	parsed, ok := lang.pages[page]
	if !ok {
		return fmt.Errorf("ui: there is no page %q", page)
	}
	set, err := parsed()
	if err != nil {
		return fmt.Errorf("ui: templates: page %s: %w", page, err)
	}
	var b bytes.Buffer
	err = set.ExecuteTemplate(&b, "layout", v)
	if err != nil {
		return fmt.Errorf("ui: page %s: %w", page, err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("ui: page %s: %w", page, err)
	}
	return nil
}

// language returns the language with the tag, the language that the tag is a variant of ("de" for
// "de-AT"), or English.
func (r *Renderer) language(tag string) *language {
	tag = strings.ToLower(tag)
	if l, ok := r.languages[tag]; ok {
		return l
	}
	base, _, _ := strings.Cut(tag, "-")
	if l, ok := r.languages[base]; ok {
		return l
	}
	return r.languages[fallback]
}

// Text returns the sentence with the key in the given language. If the catalogue lacks the key, Text
// returns the key itself, so a missing sentence never makes a page fail.
func (r *Renderer) Text(lang, key string, args Args) string {
	s, err := r.language(lang).catalogue.text(key, args)
	if err != nil {
		return key
	}
	return s
}

// Problem returns the sentence of a problem: "problem.<code>", or a general one if the catalogue lacks
// the code.
func (r *Renderer) Problem(lang string, p Problem) string {
	return r.language(lang).catalogue.problem(p)
}

// Scope describes in plain text what a token can do: "Uploads to demo until 3 March 2027." The zero
// time means that it never expires.
func (r *Renderer) Scope(lang string, all bool, projects []string, expires time.Time) string {
	c := r.language(lang).catalogue
	what := c.list(projects)
	if all {
		what = c.must("scope.all", nil)
	}
	if expires.IsZero() {
		return c.must("scope.forever", Args{"what": what})
	}
	return c.must("scope.until", Args{"what": what, "date": c.lastDay(expires)})
}
