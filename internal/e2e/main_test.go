package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/rind-dev/rind/internal/realtest"
)

// chrome is the browser that all tests share, each with a context of its own in it.
var chrome context.Context

func TestMain(m *testing.M) {
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (code int, err error) {
	if os.Getenv(realtest.SkipVariable) != "1" {
		if err := realtest.Missing(realtest.Chromium); err != nil {
			return 1, err
		}
		stop, err := startChrome()
		defer stop()
		if err != nil {
			return 1, err
		}
	}
	return m.Run(), nil
}

// startChrome starts the browser. It looks nothing up outside of this machine.
func startChrome() (stop func(), err error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(realtest.Chromium.Path), chromedp.NoSandbox,
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
	)
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	var stopBrowser context.CancelFunc
	chrome, stopBrowser = chromedp.NewContext(allocator)
	return func() {
		stopBrowser()
		stopAllocator()
	}, chromedp.Do(chrome)
}
