// Package refusal maps errors of the other rooms to HTTP. Pages, scripts and 'rind admin' share this
// one list, so that an error has the same status and the same words everywhere.
package refusal

import (
	"errors"
	"net/http"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/files"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

// MailWait is how long people are told to wait if a mail could not be queued.
const MailWait = time.Minute

// busyWait is how long people are told to wait when the server has too much to do.
const busyWait = 5 * time.Second

// storeWait is how long people are told to wait when the store can't be reached.
const storeWait = time.Minute

// Refusal is why something was not done.
type Refusal struct {
	Status   int
	Problems problem.Problems // in words that have a sentence; nil: the status says it
	Wait     time.Duration    // until it may be tried again; 0: nobody knows, or it makes no difference

	// Fault is set where the server is to blame, so that its log has to say what happened.
	// A server that is read-only does what it was told.
	Fault bool
}

// Of returns the refusal for an error. An unknown error is a fault of the server, 500.
func Of(err error) Refusal {
	var throttled *authn.ThrottledError
	var fast *tokens.TooFastError
	var ps problem.Problems
	switch {
	case errors.Is(err, files.ErrLater): // whatever kept it
		return Refusal{Status: http.StatusServiceUnavailable, Problems: problem.New("", problem.FilesLater), Fault: true}
	case errors.Is(err, files.ErrWaiting):
		return Refusal{Status: http.StatusServiceUnavailable, Problems: problem.New("", problem.FilesWaiting), Fault: true}
	case errors.Is(err, kv.ErrUnknown):
		return Refusal{Status: http.StatusServiceUnavailable, Problems: problem.New("", problem.OutcomeUnknown), Fault: true}
	case errors.Is(err, kv.ErrUnavailable), errors.Is(err, kv.ErrSuperseded), errors.Is(err, kv.ErrRewound):
		return Refusal{Status: http.StatusServiceUnavailable, Problems: problem.New("", problem.StoreAway), Wait: storeWait, Fault: true}
	case errors.As(err, &throttled):
		return Refusal{Status: http.StatusTooManyRequests, Problems: throttled.Problems(), Wait: throttled.RetryAfter}
	case errors.As(err, &fast):
		minutes := int((fast.RetryAfter + time.Minute - 1) / time.Minute)
		ps := problem.New("", "token_too_fast", "max", fast.Max, "minutes", minutes)
		return Refusal{Status: http.StatusTooManyRequests, Problems: ps, Wait: fast.RetryAfter}
	case errors.Is(err, instance.ErrReadOnly):
		return Refusal{Status: http.StatusServiceUnavailable, Problems: problem.New("", problem.ReadOnly)}
	case errors.Is(err, authn.ErrMail):
		return Refusal{Status: http.StatusServiceUnavailable, Problems: problem.New("", problem.MailFull), Wait: MailWait, Fault: true}
	case errors.Is(err, authn.ErrBusy):
		return Refusal{Status: http.StatusServiceUnavailable, Wait: busyWait, Fault: true}
	case errors.As(err, &ps):
		return Refusal{Status: http.StatusUnprocessableEntity, Problems: ps}
	case errors.Is(err, ledger.ErrNotFound), errors.Is(err, authn.ErrNotFound):
		return Refusal{Status: http.StatusNotFound}
	case errors.Is(err, ledger.ErrNotOwner), errors.Is(err, ledger.ErrFrozen), errors.Is(err, ledger.ErrDemoted), errors.Is(err, authn.ErrForbidden):
		return Refusal{Status: http.StatusForbidden}
	}
	return Refusal{Status: http.StatusInternalServerError, Fault: true}
}
