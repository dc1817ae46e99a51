package refusal

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/files"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

// Each error of the other rooms has one status and one list of words, wrapped or not.
func TestOf(t *testing.T) {
	wrong := problem.New("name", "name_taken")
	for _, c := range []struct {
		err    error
		status int
		words  string
		wait   time.Duration
		fault  bool
	}{
		{wrong, 422, "name: name_taken", 0, false},
		{&authn.ThrottledError{RetryAfter: 90 * time.Second}, 429, "throttled", 90 * time.Second, false},
		{&tokens.TooFastError{Max: 5, RetryAfter: time.Minute}, 429, "token_too_fast", time.Minute, false},
		{ledger.ErrNotFound, 404, "", 0, false},
		{authn.ErrNotFound, 404, "", 0, false},
		{ledger.ErrNotOwner, 403, "", 0, false},
		{ledger.ErrFrozen, 403, "", 0, false},
		{ledger.ErrDemoted, 403, "", 0, false},
		{authn.ErrForbidden, 403, "", 0, false},
		{instance.ErrReadOnly, 503, "read_only", 0, false},
		{fmt.Errorf("%w: %w", authn.ErrMail, errors.New("full")), 503, "mail_full", MailWait, true},
		{authn.ErrBusy, 503, "", busyWait, true},
		{fmt.Errorf("pgkv: %w: %w", kv.ErrUnknown, errors.New("lost")), 503, "outcome_unknown", 0, true},
		{fmt.Errorf("pgkv: %w: %w", kv.ErrUnavailable, errors.New("away")), 503, "store_away", storeWait, true},
		{kv.ErrSuperseded, 503, "store_away", storeWait, true},
		{kv.ErrRewound, 503, "store_away", storeWait, true},
		{fmt.Errorf("%w: %w", files.ErrLater, errors.New("full")), 503, "files_later", 0, true},
		{fmt.Errorf("%w: %w", files.ErrLater, kv.ErrUnavailable), 503, "files_later", 0, true},
		{fmt.Errorf("%w: %w", files.ErrWaiting, errors.New("full")), 503, "files_waiting", 0, true},
		{fmt.Errorf("%w: %w", files.ErrWaiting, kv.ErrUnknown), 503, "files_waiting", 0, true},
		{errors.Join(authn.ErrMail, kv.ErrUnknown), 503, "outcome_unknown", 0, true},
		{errors.New("the disk is on fire"), 500, "", 0, true},
	} {
		for _, err := range []error{c.err, fmt.Errorf("web: %w", c.err)} {
			got := Of(err)
			if got.Status != c.status || got.Problems.Error() != c.words || got.Wait != c.wait || got.Fault != c.fault {
				t.Errorf("%v: %+v, want %+v", err, got, c)
			}
		}
	}
}
