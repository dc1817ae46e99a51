package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/httpauth"
)

// Refusal is an error with the answer that the client gets. A [Backend] returns one to refuse an upload in
// its own words.
type Refusal struct {
	// Status is the status of the answer: 400 if something is wrong with the upload, 413, 429, 502 for a
	// misconfigured backend, or 503. If a Backend's Refusal has another status, the client gets 503, so that no
	// status of a server that the Backend talks to (a redirect, a 401) reaches the client.
	Status int
	Reason string // one sentence for the client, which uploading clients print

	RetryAfter time.Duration // when to try again; zero: not stated
	Err        error         // what else the log should say; may be nil
}

// Error returns the reason and the text of Err.
func (r *Refusal) Error() string {
	if r.Err != nil {
		return "gateway: " + r.Reason + ": " + r.Err.Error()
	}
	return "gateway: " + r.Reason
}

// Unwrap returns Err.
func (r *Refusal) Unwrap() error { return r.Err }

// Exists returns the [Refusal] for a file if the project already has a different one with the same or an
// equivalent name. existing is the name of the file that is there. The error is ErrExists.
func Exists(existing, filename string) *Refusal {
	reason := "File already exists ('" + filename + "', with different content). "
	if existing != filename {
		reason = "File already exists ('" + existing + "', which is equivalent to '" + filename + "'). "
	}
	return &Refusal{Status: http.StatusBadRequest, Reason: reason + "Files are never replaced: upload a new version.", Err: ErrExists}
}

// backendStatuses are the statuses that a Backend may answer with.
var backendStatuses = map[int]bool{
	http.StatusBadRequest: true, http.StatusRequestEntityTooLarge: true, http.StatusTooManyRequests: true,
	http.StatusBadGateway: true, http.StatusServiceUnavailable: true,
}

// refused returns a 400 with a sentence.
func refused(format string, args ...any) error {
	return &Refusal{Status: http.StatusBadRequest, Reason: fmt.Sprintf(format, args...)}
}

// tooLarge returns a 413 with a sentence.
func tooLarge(format string, args ...any) error {
	return &Refusal{Status: http.StatusRequestEntityTooLarge, Reason: fmt.Sprintf(format, args...)}
}

// errStore wraps what a Backend reports. Its text goes only to the log.
var errStore = errors.New("gateway: storing the file")

// explain turns an error into an answer. The client has to fix a 4xx; a 5xx, which
// makes twine try again, is for problems that may pass by themselves.
func explain(err error) httpauth.Answer {
	var said *Refusal
	var denial *verifier.Denial
	ofBackend := errors.Is(err, errStore)
	switch {
	case errors.As(err, &said) && (!ofBackend || backendStatuses[said.Status]):
		return httpauth.Answer{Status: said.Status, Sentence: said.Reason, RetryAfter: said.RetryAfter}
	case errors.As(err, &denial): // before errStore: a denial is never a 503
		return httpauth.Explain(err)
	case ofBackend:
		return httpauth.Answer{
			Status:     http.StatusServiceUnavailable,
			Sentence:   "The file could not be stored right now. Try again later.",
			RetryAfter: 30 * time.Second,
		}
	default:
		return httpauth.Explain(err)
	}
}
