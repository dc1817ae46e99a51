package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// health is how the index did when it was last spoken to.
type health struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

func (h *health) note(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at, h.err = time.Now(), err
}

func (h *health) last() (time.Time, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at, h.err
}

// freshness is for how long an answer says that the index is there.
const freshness = 5 * time.Second

// Ready is nil where the index answers. It asks it at most once in five seconds, however many want to know: anybody
// may. Who hangs up meanwhile ends only the own wait, since what became of the question is what all others hear.
func (u *Upstream) Ready(ctx context.Context) error {
	select {
	case u.asking <- struct{}{}:
		defer func() { <-u.asking }()
	case <-ctx.Done():
		return fmt.Errorf("upstream: %s has not answered yet: %w", u.base, ctx.Err())
	}
	at, err := u.reached.last()
	if time.Since(at) < freshness {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dialTime)
	defer cancel()
	res, err := u.get(ctx, u.base, "*/*")
	if err == nil {
		res.Body.Close()
		if res.StatusCode >= 500 {
			err = fmt.Errorf("upstream: %s answers %s", u.base, res.Status)
		}
	}
	u.reached.note(err)
	return err
}

// Check looks at the index before the first upload. The error says what an operator has to change; where the index can't be
// reached now there is none, since it may come up later than the gateway: see [Upstream.Ready].
func (u *Upstream) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	res, err := u.get(ctx, u.base, "application/json")
	if err != nil {
		u.log.WarnContext(ctx, "the index can't be reached yet", "error", err)
		return nil
	}
	defer res.Body.Close()
	var devpi struct {
		Result struct {
			Volatile bool `json:"volatile"`
		} `json:"result"`
	}
	if json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&devpi) == nil && devpi.Result.Volatile {
		return fmt.Errorf("%w: %s is volatile, so that uploads replace files: set volatile=False for that index of devpi", ErrMisconfigured, u.base)
	}
	if res.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("%w: %s answers %s: check the user and the file with the password, or the bearer token", ErrMisconfigured, u.base, res.Status)
	}
	return nil
}
