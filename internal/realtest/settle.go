package realtest

import (
	"context"
	"strings"
	"time"
)

// settleTime is for how long Settle asks again.
const settleTime = 30 * time.Second

// Settle asks a page something until it is asked of a page that stays: a question that a
// navigation cuts short is put to the next page. Whoever pressed something that leads
// elsewhere, at once or when a script has its answer, need not know when. A
// question that changes the page is not for Settle: it may be asked more than once.
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

// Navigated reports whether an error of the browser says that the page went away under a
// question.
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
