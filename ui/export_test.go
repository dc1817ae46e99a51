package ui

import (
	"io/fs"
	"path"
	"strings"
	"testing"
)

// Check finds what is wrong with a page.
func Check(page string) []string { return check(page) }

// PageOf is the template of a view.
func PageOf(v View) string { return v.about().page }

// PageNames are the templates of pages.
func PageNames(t *testing.T) []string {
	files, err := fs.Glob(templateFiles, "templates/pages/*.html")
	if err != nil || len(files) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(path.Base(f), ".html")
	}
	return files
}
