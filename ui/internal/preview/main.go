// Command preview serves every page of rind with sample data, for viewing in a browser, with the same
// Content-Security-Policy as the real pages:
//
//	go run ./ui/internal/preview -addr 127.0.0.1:8090
package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

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
	handler, err := samples.Handler()
	if err == nil {
		fmt.Fprintf(stderr, "preview: look at http://%s/\n", *addr)
		server := &http.Server{Addr: *addr, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		err = server.ListenAndServe()
	}
	fmt.Fprintf(stderr, "preview: %v\n", err)
	return 1
}
