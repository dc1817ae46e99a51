// Package chrome starts the browser that tests drive: one browser per package, in which each test has its
// own windows.
package chrome

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/rind-dev/rind/internal/realtest"
)

// windowTime limits how long a test may use one window, on a machine that is busy with other work.
const windowTime = 15 * time.Minute

// one is the browser of this process.
var one struct {
	mu      sync.Mutex
	browser context.Context // nil before the browser is started
	stop    func()
}

// Run runs the tests of a package and ends the browser afterwards. It is for TestMain.
func Run(m *testing.M) (code int) {
	defer func() {
		one.mu.Lock()
		defer one.mu.Unlock()
		if one.stop != nil {
			one.stop()
			one.browser, one.stop = nil, nil
		}
	}()
	return m.Run()
}

// Window opens a window that shares no cookies with others, in the browser of this package, which the
// first call starts. The window closes when the test ends. Without a browser the test fails or is
// skipped; see realtest.Need.
func Window(t testing.TB) context.Context {
	t.Helper()
	realtest.Need(t, realtest.Chromium)
	browser, err := start()
	if err != nil {
		t.Fatalf("the browser does not start: %v", err)
	}
	window, closeWindow := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	window, cancel := context.WithTimeout(window, windowTime)
	t.Cleanup(func() { cancel(); closeWindow() })
	if err := chromedp.Do(window, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("no window opens: %v", err)
	}
	return window
}

// start starts the browser if it is not running. The browser looks up no names outside this machine.
func start() (context.Context, error) {
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.browser != nil {
		return one.browser, nil
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(realtest.Chromium.Path), chromedp.NoSandbox,
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		// A page is opened with a fifth less CPU in the frame of the page before, of which nothing is kept. The first two
		// are what chromedp switches off.
		chromedp.Flag("disable-features", "Translate,BlinkGenPropertyTrees,RenderDocument,BackForwardCache"),
		// Pages and axe-core run for less than a second each: to optimise their scripts takes longer.
		chromedp.Flag("js-flags", "--always-sparkplug --no-maglev --no-turbofan"),
	)
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	browser, stopBrowser := chromedp.NewContext(allocator)
	stop := func() {
		stopBrowser()
		stopAllocator()
	}
	if err := chromedp.Do(browser); err != nil {
		stop()
		return nil, err
	}
	one.browser, one.stop = browser, stop
	return browser, nil
}
