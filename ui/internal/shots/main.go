// Command shots takes a screenshot of every page of rind with sample data, at the widths of a phone, a
// tablet, a desktop and a wide screen, in light and dark colours:
//
//	go run ./ui/internal/shots -to shots -only 'token|project'
//
// The pictures are named page-360-dark.png. It needs Chromium.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/internal/realtest/axe"
	"github.com/rind-dev/rind/ui/internal/samples"
)

// widths are the widths of a phone, a tablet, a desktop and a wide screen, in CSS pixels.
var widths = []int64{360, 768, 1280, 1920}

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

func run(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("shots", flag.ContinueOnError)
	flags.SetOutput(stderr)
	to := flags.String("to", "shots", "folder for the pictures")
	only := flags.String("only", "", "names of the pages, a regular expression; all where it is empty")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	names, err := regexp.Compile(*only)
	if err == nil {
		err = shoot(*to, names, stderr)
	}
	if err != nil {
		fmt.Fprintf(stderr, "shots: %v\n", err)
		return 1
	}
	return 0
}

// shoot takes the screenshots of the pages whose names match.
func shoot(folder string, names *regexp.Regexp, stderr io.Writer) error {
	handler, err := samples.Handler()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(realtest.Chromium.Path), chromedp.NoSandbox)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	n := 0
	for _, page := range samples.All() {
		if !names.MatchString(page.Name) {
			continue
		}
		if err := chromedp.Do(ctx, chromedp.Navigate(server.URL+"/sample/"+page.Name)); err != nil {
			return fmt.Errorf("%s: %w", page.Name, err)
		}
		for _, width := range widths {
			for _, scheme := range []axe.Scheme{axe.Light, axe.Dark} {
				picture := filepath.Join(folder, fmt.Sprintf("%s-%d-%s.png", page.Name, width, scheme))
				if err := shot(ctx, width, scheme, picture); err != nil {
					return fmt.Errorf("%s: %w", picture, err)
				}
				n++
			}
		}
	}
	fmt.Fprintf(stderr, "shots: %d pictures in %s\n", n, folder)
	return nil
}

// shot takes a screenshot of the whole open page.
func shot(ctx context.Context, width int64, scheme axe.Scheme, path string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride,
		emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 800, DeviceScaleFactor: 1})
	if err == nil {
		err = axe.Wear(ctx, scheme)
	}
	if err != nil {
		return err
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		return err
	}
	return os.WriteFile(path, png, 0o600)
}
