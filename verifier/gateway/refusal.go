package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/httpauth"
)

// refusal is an error of the client's, with the sentence to tell it.
type refusal struct {
	status   int
	sentence string
}

func (r *refusal) Error() string { return "gateway: " + r.sentence }

// refused is a 400 with a sentence.
func refused(format string, args ...any) error {
	return &refusal{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// tooLarge is a 413 with a sentence.
func tooLarge(format string, args ...any) error {
	return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf(format, args...)}
}

// errStore wraps what a Backend reports. Its text goes only to the log.
var errStore = errors.New("gateway: storing the file")

// explain turns an error into an answer. 4xx is the client's to mend; 5xx, which
// twine tries again, is for what may pass by itself.
func explain(err error) httpauth.Answer {
	var said *refusal
	var denial *verifier.Denial
	switch {
	case errors.As(err, &said):
		answer := httpauth.Answer{Status: said.status, Sentence: said.sentence}
		if said == errBusy || said == errTokenBusy || said == errOwnerBusy {
			answer.RetryAfter = 10 * time.Second
		}
		return answer
	case errors.As(err, &denial): // before errStore: a denial is never a 503
		return httpauth.Explain(err)
	case errors.Is(err, errStore):
		return httpauth.Answer{
			Status:     http.StatusServiceUnavailable,
			Sentence:   "The file could not be stored right now. Try again later.",
			RetryAfter: 30 * time.Second,
		}
	default:
		return httpauth.Explain(err)
	}
}
