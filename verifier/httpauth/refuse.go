package httpauth

import (
	"errors"
	"net/http"
	"time"

	"github.com/rind-dev/rind/verifier"
)

// retryAfter is how long clients are told to wait if a check could not be made.
const retryAfter = 10 * time.Second

// Refuser answers requests that are refused. Its zero value is ready to use,
// with the defaults below; a Refuser holds no state.
type Refuser struct {
	// MaxDrain is how many bytes of a request are read and discarded after the answer, so that a
	// client that sends everything before it reads sees the answer. Zero is 256 MiB; less than 1
	// MiB is 1 MiB.
	MaxDrain int64
	// IdleTime is how long a client may send nothing meanwhile (zero: 5
	// seconds). DrainTime (zero: 10 seconds) is how long to wait for it in all,
	// and every DrainRate bytes (zero: 8 KiB) make up for a second of that, so
	// that a client that only trickles can't hold a connection.
	IdleTime, DrainTime time.Duration
	DrainRate           int64
}

// Refuse answers with the defaults of [Refuser].
func Refuse(w http.ResponseWriter, r *http.Request, err error) { Refuser{}.Refuse(w, r, err) }

// Refuse answers a request whose token was not accepted, by the kind of error:
//
//   - a *[CredentialError] from [Token]: 403 and its sentence;
//   - a *[verifier.Denial]: 403 "Invalid API Token: …" and every reason in words;
//   - anything else, which could not be checked: 503 with Retry-After, and not a
//     word of err.
//
// The caller returns afterwards and writes nothing more.
func (f Refuser) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	f.Answer(w, r, Explain(err))
}

// Explain is the answer that [Refuse] writes for err.
func Explain(err error) Answer {
	var credentials *CredentialError
	if errors.As(err, &credentials) {
		return Answer{Status: http.StatusForbidden, Sentence: credentials.Sentence()}
	}
	var denial *verifier.Denial
	if errors.As(err, &denial) {
		return Answer{Status: http.StatusForbidden, Sentence: "Invalid API Token: " + denial.Message()}
	}
	return Answer{
		Status:     http.StatusServiceUnavailable,
		Sentence:   "API tokens can't be checked right now. Try again later.",
		RetryAfter: retryAfter,
	}
}
