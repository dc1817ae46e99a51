package realtest

import (
	"context"
	"strings"
	"time"
)

// settleTime is how long Settle keeps asking.
const settleTime = 30 * time.Second

// Settle asks a page something, and asks again if a navigation interrupts it, until a page stays. So a
// test that pressed a button need not know whether or when the page changes. Settle may call ask more
// than once, so ask must not change the page.
func Settle[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	for end := time.Now().Add(settleTime); ; {
		v, err := ask()
		if err == nil || !Navigated(err) || time.Now().After(end) {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Navigated reports whether an error of the browser says that the page went away during a call.
func Navigated(err error) bool {
	for _, words := range []string{
		"Inspected target navigated or closed", "Cannot find context with specified id", "Execution context was destroyed", "Cannot find default execution context",
	} {
		if err != nil && strings.Contains(err.Error(), words) {
			return true
		}
	}
	return false
}
