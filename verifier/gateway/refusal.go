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
	// Status is the answer's: 400 for what is wrong with the upload, 413, 429, 502 for a backend that is set up
	// wrongly, or 503. A Backend's Refusal with another status is answered with 503, so that no status of
	// something behind it (a redirect, its own 401) reaches the client.
	Status int
	Reason string // one sentence for the client, which uploading clients print

	RetryAfter time.Duration // when to try again; zero says nothing of it
	Err        error         // what else the log should say; may be nil
}

// Error is the reason and what Err says.
func (r *Refusal) Error() string {
	if r.Err != nil {
		return "gateway: " + r.Reason + ": " + r.Err.Error()
	}
	return "gateway: " + r.Reason
}

// Unwrap returns Err.
func (r *Refusal) Unwrap() error { return r.Err }

// Exists is the [Refusal] of a file where the project already has another one of the same name, or one
// whose name stands for the same. existing is the name of the one that is there. It is ErrExists.
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

// refused is a 400 with a sentence.
func refused(format string, args ...any) error {
	return &Refusal{Status: http.StatusBadRequest, Reason: fmt.Sprintf(format, args...)}
}

// tooLarge is a 413 with a sentence.
func tooLarge(format string, args ...any) error {
	return &Refusal{Status: http.StatusRequestEntityTooLarge, Reason: fmt.Sprintf(format, args...)}
}

// errStore wraps what a Backend reports. Its text goes only to the log.
var errStore = errors.New("gateway: storing the file")

// explain turns an error into an answer. 4xx is the client's to mend; 5xx, which
// twine tries again, is for what may pass by itself.
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
