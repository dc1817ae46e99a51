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

// health is the state of the index at the last contact. err is nil if it answered, whatever the answer was, unless
// that was a status of 500 or more, or a redirect to another host.
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

// freshness is how long an answer counts as proof that the index is up.
const freshness = 5 * time.Second

// Ready returns nil if the index answers. It asks the index at most once in five seconds, however many callers there are,
// because anybody may call. A caller whose ctx ends stops only its own wait: the others need the result of the same request.
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

// Check tests the index before the first upload. The error says what an operator has to change. If the index can't be
// reached now, Check returns nil, because the index may start later than the gateway: see [Upstream.Ready].
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
		return fmt.Errorf("%w: %s answers %s: check user and password-file, or bearer-file", ErrMisconfigured, u.base, res.Status)
	}
	return nil
}
