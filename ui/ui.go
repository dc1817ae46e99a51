// Package ui renders the pages of rind and the words of its mails.
//
// A handler fills a view model (any of the …Page types), which holds copies of
// the few fields that the page shows, and gives it to Renderer.Render:
//
//	pages, err := ui.New()
//	…
//	err = pages.Render(w, ui.TokensPage{Layout: layout, Tokens: rows})
//
// Every sentence stands in a message catalogue (messages/<language>.json) and
// is fetched by its key, so a language is added without touching a page. Pages
// hold no inline script, style or event attribute; the policy that they need is
// Policy. They work without JavaScript, which only adds copy buttons, times in
// the reader's zone, and the like.
//
// The package uses no request, session or store, and imports only the
// standard library.
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
	"time"
)

//go:embed templates
var templateFiles embed.FS

// Policy is the Content-Security-Policy that the pages work under.
const Policy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Renderer draws pages and formats sentences. It may be used by several
// goroutines at once.
type Renderer struct {
	languages map[string]*language // by BCP 47 tag, lower case
	assets    *assetFiles
}

// language is the pages with the words of one language.
type language struct {
	catalogue *catalogue
	pages     map[string]*template.Template
}

// New parses the embedded catalogues and templates. An error means that the
// program was built wrongly.
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

// parsePages makes one template set for each page: the parts, and the page.
func parsePages(c *catalogue, assets *assetFiles) (map[string]*template.Template, error) {
	base := template.New("layout").Funcs(funcs(c, assets)).Option("missingkey=error")
	if _, err := base.ParseFS(templateFiles, "templates/parts/*.html"); err != nil {
		return nil, fmt.Errorf("ui: templates: %w", err)
	}
	files, err := fs.Glob(templateFiles, "templates/pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("ui: templates: %w", err)
	}
	pages := make(map[string]*template.Template, len(files))
	for _, file := range files {
		set, err := base.Clone()
		if err != nil {
			return nil, fmt.Errorf("ui: templates: %w", err)
		}
		if _, err := set.ParseFS(templateFiles, file); err != nil {
			return nil, fmt.Errorf("ui: templates: %w", err)
		}
		pages[strings.TrimSuffix(path.Base(file), ".html")] = set
	}
	return pages, nil
}

// Render writes the page of v to w. Where it fails before the page is complete,
// nothing is written.
func (r *Renderer) Render(w io.Writer, v View) error {
	page := v.about().page
	lang := r.language(v.layout().Lang)
	set, ok := lang.pages[page]
	if !ok {
		return fmt.Errorf("ui: there is no page %q", page)
	}
	var b bytes.Buffer
	err := set.ExecuteTemplate(&b, "layout", v)
	if err != nil {
		return fmt.Errorf("ui: page %s: %w", page, err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("ui: page %s: %w", page, err)
	}
	return nil
}

// language is the one with the tag, the one that the tag is a variant of
// ("de-AT" of "de"), or English.
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

// Text is the sentence with the key in the catalogue of the language. A key
// that the catalogue lacks is returned as it is, so that a page never fails for
// a missing word.
func (r *Renderer) Text(lang, key string, args Args) string {
	s, err := r.language(lang).catalogue.text(key, args)
	if err != nil {
		return key
	}
	return s
}

// Problem is the sentence of a problem: that of "problem.<code>", or a general
// one where the catalogue lacks the code.
func (r *Renderer) Problem(lang string, p Problem) string {
	return r.language(lang).catalogue.problem(p)
}

// Scope describes in plain text what a token can do: "Uploads to demo until 3 March
// 2027." A zero time means no end.
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
