package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/verifier/gateway"
)

// userAgent names the gateway to the index. It does not imitate twine, which pypiserver answers differently.
const userAgent = "rind-gateway"

// pass sends a file to the index, unless the index has it.
func (u *Upstream) pass(ctx context.Context, up gateway.Upload, b *body) (repeated bool, err error) {
	limit := answerTime + sendTime + time.Duration(up.Size/slowestRate)*time.Second
	file := keysOf(up.Filename, up.Project)
	free, err := u.turn(ctx, up, file, limit)
	if err != nil {
		return false, err
	}
	defer free()
	ctx, cancel := context.WithTimeout(ctx, limit) // the wait is not part of it
	defer cancel()
	if !u.traffic.recent.lacks(u.shared, up.Project, file) {
		repeated, err := u.compare(ctx, up)
		if repeated || err != nil {
			return repeated, err
		}
	}
	endPass, late := u.traffic.recent.startPass(up.Project, file), u.traffic.recent.unknown // the index may still store a file after its connection broke
	defer func() { endPass(late) }()
	repeated, err = u.send(ctx, up, b)
	var refused *gateway.Refusal
	switch {
	case err == nil:
		late = lateTime
	case errors.As(err, &refused) && refused.Status != http.StatusServiceUnavailable: // nothing was stored
		late = 0
	}
	return repeated, err
}

// send sends a file to the index, and finds out what became of it.
func (u *Upstream) send(ctx context.Context, up gateway.Upload, b *body) (repeated bool, err error) {
	used := u.credential.Load()
	res, err := u.post(ctx, b, used)
	if err == nil && res.status == http.StatusUnauthorized && u.renewed(ctx, used) {
		res, err = u.post(ctx, b, u.credential.Load()) // a 401 stores nothing
	}
	if err != nil {
		return u.unknown(ctx, up, 0, fmt.Errorf("upstream: the answer to an upload was lost: %w", err))
	}
	return u.translate(ctx, up, res)
}

// turn waits until no other upload of the file, or of one with an equivalent name, is passed on, at most for limit.
func (u *Upstream) turn(ctx context.Context, up gateway.Upload, file fileKeys, limit time.Duration) (free func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	free, err = u.traffic.files.Lock(ctx, up.Project+"/"+file.identity)
	if err != nil {
		return nil, &gateway.Refusal{
			Status: http.StatusServiceUnavailable, Reason: "Another upload of the same file is still in progress. Try again later.", RetryAfter: minRetry,
			Err: fmt.Errorf("upstream: wait for another upload of %s: %w", up.Filename, err),
		}
	}
	return free, nil
}

// answer is what the index said to an upload.
type answer struct {
	status int
	said   string // the reason and the beginning of the body, for the log
	retry  time.Duration
}

// post sends the form.
func (u *Upstream) post(ctx context.Context, b *body, c *credential) (*answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.base.String(), nil)
	if err != nil {
		return nil, err
	}
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(b.read()), nil }
	r.Body, _ = r.GetBody()
	r.ContentLength = b.length()
	r.Header.Set("Content-Type", b.kind)
	r.Header.Set("User-Agent", userAgent)
	r.Header.Set("Accept", "text/plain, */*;q=0.1")
	c.set(r)
	res, err := u.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	u.reached.note(nil)
	said, _ := io.ReadAll(io.LimitReader(res.Body, 4<<10))
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 256<<10)) // so that the connection can be used again
	return &answer{status: res.StatusCode, said: text.OneLine(res.Status + " " + strings.ToValidUTF8(string(said), "?")), retry: retryAfter(res)}, nil
}

func retryAfter(res *http.Response) time.Duration {
	n, err := strconv.Atoi(res.Header.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, 3600)) * time.Second
}

// unknown finds out whether the index has the file after an upload whose answer was lost or did not tell.
func (u *Upstream) unknown(ctx context.Context, up gateway.Upload, retry time.Duration, lost error) (repeated bool, err error) {
	u.reached.note(lost)
	has, err := u.compare(context.WithoutCancel(ctx), up) // with its own time limit, because the time for sending may be over
	switch {
	case has:
		return false, nil
	case errors.Is(err, gateway.ErrExists): // part of it, perhaps, of an index that keeps those
		u.log.ErrorContext(ctx, "the index has a file with other content than was sent to it, and the upload broke: remove it there if it is a part of the file",
			"file", up.Filename, "error", lost)
		return false, err
	}
	return false, unavailable(retry, errors.Join(lost, err))
}

// translate turns an answer of the index into one of the gateway.
func (u *Upstream) translate(ctx context.Context, up gateway.Upload, a *answer) (repeated bool, err error) {
	exists := a.status == http.StatusConflict || a.status == http.StatusBadRequest && strings.Contains(strings.ToLower(a.said), "exist")
	switch {
	case a.status >= 200 && a.status < 300:
		return false, nil
	case exists:
		repeated, err := u.compare(ctx, up)
		if err == nil && !repeated { // it does not list what it has
			err = gateway.Exists(up.Filename, up.Filename)
		}
		return repeated, err
	case a.status == http.StatusBadRequest, a.status == http.StatusUnprocessableEntity:
		return false, &gateway.Refusal{Status: http.StatusBadRequest, Reason: "The index behind this address does not take this file. Its operators can see why in the log.",
			Err: fmt.Errorf("upstream: %s answered %q", u.base, a.said)}
	case a.status == http.StatusRequestEntityTooLarge:
		return false, &gateway.Refusal{Status: a.status, Reason: "The file is larger than the index behind this address takes.",
			Err: fmt.Errorf("upstream: %s answered %q: set its limit to that of max-upload, or max-upload lower", u.base, a.said)}
	case a.status == http.StatusTooManyRequests:
		return false, unavailable(a.retry, fmt.Errorf("upstream: %s answered %q", u.base, a.said))
	case a.status >= 500:
		return u.unknown(ctx, up, a.retry, fmt.Errorf("upstream: %s answered %q", u.base, a.said))
	}
	return false, u.misconfigured("%s", remedy(a))
}

// wrongStatus returns the error for a page that can't be read.
func (u *Upstream) wrongStatus(what string, res *http.Response) error {
	a := &answer{status: res.StatusCode, said: text.OneLine(res.Status), retry: retryAfter(res)}
	if a.status == http.StatusTooManyRequests || a.status >= 500 {
		err := fmt.Errorf("upstream: %s: %s", what, a.said)
		if a.status >= 500 {
			u.reached.note(err)
		}
		return unavailable(a.retry, err)
	}
	return u.misconfigured("%s: %s", what, remedy(a))
}

// remedy tells the operator what to do.
func remedy(a *answer) string {
	what := fmt.Sprintf("it answered %q", a.said)
	switch a.status {
	case http.StatusUnauthorized:
		return what + ": check user and password-file, or bearer-file"
	case http.StatusForbidden:
		return what + ": the gateway's account may not upload there, or not read: give it that right"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return what + ": the address is not the one that uploads go to"
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return what + ": it redirects; set the address that it redirects to"
	}
	return what
}
