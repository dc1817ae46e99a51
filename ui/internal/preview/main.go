// Command preview serves every page of rind with sample data, under the policy
// that the pages run under, so that they can be looked at in a browser:
//
//	go run ./ui/internal/preview -addr 127.0.0.1:8090
package main

import (
	"flag"
	"fmt"
	"html"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/rind-dev/rind/ui"
	"github.com/rind-dev/rind/ui/internal/samples"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

func run(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("preview", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:8090", "where to listen")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	handler, err := pages()
	if err == nil {
		fmt.Fprintf(stderr, "preview: look at http://%s/\n", *addr)
		server := &http.Server{Addr: *addr, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		err = server.ListenAndServe()
	}
	fmt.Fprintf(stderr, "preview: %v\n", err)
	return 1
}

// pages serves a list of the samples at /, each at /sample/<name>.
func pages() (http.Handler, error) {
	renderer, err := ui.New()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	assets := http.FileServerFS(renderer.Assets())
	mux.Handle("GET "+string(ui.PathAssets), http.StripPrefix(string(ui.PathAssets), assets))
	all := samples.All()
	for _, page := range all {
		mux.HandleFunc("GET /sample/"+page.Name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", ui.Policy)
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if err := renderer.Render(w, page.View); err != nil {
				log.Printf("preview: %v", err)
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
