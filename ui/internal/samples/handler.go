package samples

import (
	"fmt"
	"html"
	"net/http"

	"github.com/rind-dev/rind/ui"
)

// Handler serves a list of the samples at /, and each sample at /sample/<name>, with the same
// Content-Security-Policy as the real pages.
func Handler() (http.Handler, error) {
	renderer, err := ui.New()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	assets := http.FileServerFS(renderer.Assets())
	mux.Handle("GET "+string(ui.PathAssets), http.StripPrefix(string(ui.PathAssets), assets))
	all := All()
	for _, page := range all {
		mux.HandleFunc("GET /sample/"+page.Name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", ui.Policy)
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if err := renderer.Render(w, page.View); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		for _, page := range all {
			name := html.EscapeString(page.Name)
			fmt.Fprintf(w, "<a href=\"/sample/%s\">%s</a><br>\n", name, name)
		}
	})
	return mux, nil
}
