package replication

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/loopback"
	"github.com/rind-dev/rind/internal/private"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// Errors of an issuer that refuses to be followed. The follower goes on trying, but
// somebody has to fix the cause first.
var (
	// ErrSecret says that the issuer does not know the secret (HTTP 401 or 403).
	ErrSecret = errors.New("replication: the issuer does not accept this verifier")

	// ErrConflict says that the store follows another issuer, or knows another history
	// than this issuer has (HTTP 409). The latter is ErrOtherHistory, too.
	ErrConflict = errors.New("replication: the issuer can't be followed from where the store is")
)

// errIdle says that a connection counts as dead, even if the network reports no error.
var errIdle = errors.New("replication: nothing has come from the issuer for too long; the connection may be dead, or a proxy may be buffering the stream")

// RemoteConfig says where an issuer is. URL and SecretFile must be set.
type RemoteConfig struct {
	// URL is the issuer's address, as people use it: https, or http if the issuer is
	// on this machine.
	URL string

	// SecretFile holds the secret that the issuer showed when this verifier was
	// registered; its mode is 0600 or 0400, except for a systemd credential. It is
	// read for each request, so a new secret needs no restart.
	SecretFile string

	// GroupAccess also accepts a SecretFile that its group may read (mode 0440), if this
	// process is in that group. A file that everybody may read is always refused.
	GroupAccess bool

	// CAFile holds the CA certificates (PEM) for the issuer's; "" means the system's.
	CAFile string
}

// Remote is an issuer that is followed over HTTP/1.1. Each stream and each snapshot has
// a connection of its own, which is closed afterwards: a connection on which a stream ended
// may be dead without showing it. Reports share one connection, which is dropped as soon as
// a report fails.
type Remote struct {
	base    *url.URL
	secret  string
	access  private.Access
	streams *http.Client
	reports *http.Client
}

// NewRemote checks cfg and reads its files; it does not connect.
func NewRemote(cfg RemoteConfig) (*Remote, error) {
	base, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{ // as it is, it does not try HTTP/2
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		MaxIdleConns:        1,
		IdleConnTimeout:     30 * time.Second, // less than a proxy's, so that this side closes first
		DisableCompression:  true,             // a frame has to arrive when it was sent
	}
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("replication: the certificates of the issuer: %w", err)
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("replication: %s contains no PEM certificate", cfg.CAFile)
		}
	}
	reporting := transport.Clone()
	reporting.DisableKeepAlives = true
	r := &Remote{base: base, secret: cfg.SecretFile, access: private.Of(cfg.GroupAccess), streams: client(reporting), reports: client(transport)}
	_, err = r.readSecret()
	return r, err
}

func client(t *http.Transport) *http.Client {
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { // it would carry the secret elsewhere
		return http.ErrUseLastResponse
	}}
}

func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("replication: the issuer's address: %w", err)
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("replication: the issuer's address is not like https://packages.example.org")
	case u.Scheme == "https", u.Scheme == "http" && loopback.Host(u.Hostname()):
		return u, nil
	}
	return nil, fmt.Errorf("replication: the issuer's address begins with %q: it must be https, because the verifier sends its secret there", u.Scheme+"://")
}

// readSecret reads the secret's file, which nobody else may read.
func (r *Remote) readSecret() (string, error) {
	b, err := r.access.Read(r.secret, 1<<10)
	var unread *fs.PathError
	switch {
	case errors.As(err, &unread):
		return "", fmt.Errorf("replication: the verifier's secret: %w", err)
	case err != nil:
		return "", fmt.Errorf("replication: the secret in %w; register the verifier again if others may have read it", err)
	}
	secret := strings.TrimSpace(string(b))
	if secret == "" || strings.ContainsFunc(secret, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", fmt.Errorf("replication: %s does not contain a verifier's secret: one line, as the issuer showed it", r.secret)
	}
	return secret, nil
}

// do sends a request, and returns the answer if its status is want.
func (r *Remote) do(ctx context.Context, by *http.Client, method, path string, query url.Values, body []byte, want int) (*http.Response, error) {
	res, err := r.send(ctx, by, method, path, query, body)
	if err != nil || res.StatusCode == want {
		return res, err
	}
	defer res.Body.Close()
	return nil, r.refused(res)
}

// send sends a request, and returns the answer whatever its status is.
func (r *Remote) send(ctx context.Context, by *http.Client, method, path string, query url.Values, body []byte) (*http.Response, error) {
	secret, err := r.readSecret()
	if err != nil {
		return nil, err
	}
	u := r.base.JoinPath(path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("replication: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := by.Do(req)
	if err != nil {
		return nil, fmt.Errorf("replication: the issuer can't be reached: %w", cause(ctx, err))
	}
	return res, nil
}

// cause returns why ctx ended, or err if it has not.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil && ctx.Err() != nil {
		return c
	}
	return err
}

// refused returns the error for an answer with an unexpected status.
func (r *Remote) refused(res *http.Response) error {
	b, _ := io.ReadAll(io.LimitReader(res.Body, 400))
	says := strings.Join(strings.FieldsFunc(string(b), func(c rune) bool { return c < ' ' || c == 0x7f || c == 0xfffd }), " ")
	says = strings.TrimSpace(res.Status + " " + says)
	switch res.StatusCode {
	case http.StatusUnauthorized:
		return fmt.Errorf("%w: its secret is unknown or was revoked: register it with the issuer and put the new secret into %s (%s)", ErrSecret, r.secret, says)
	case http.StatusForbidden:
		return fmt.Errorf("%w: %s", ErrSecret, says)
	case http.StatusConflict:
		if res.Header.Get(feed.ConflictHeader) == feed.ConflictHistory {
			return fmt.Errorf("%w: %w (%s)", ErrConflict, ErrOtherHistory, says)
		}
		return fmt.Errorf("%w: check the address; to follow another issuer, run 'rind verifier reset' (%s)", ErrConflict, says)
	case http.StatusGone:
		return fmt.Errorf("replication: %w (%s)", ErrCompacted, says)
	}
	return fmt.Errorf("replication: the issuer at %s answers %s", r.base.Redacted(), says)
}

// final tells whether an error of a report means that the stream is of no use either.
func final(err error) bool {
	return errors.Is(err, ErrSecret) || errors.Is(err, ErrConflict)
}

// body is an answer that may be read for any length of time, as long as it is not silent.
type body struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	res    *http.Response
	idle   time.Duration
	timer  *time.Timer
}

// open asks for a stream of frames: the answer may take up to begin to come, and each
// read of it up to idle.
func (r *Remote) open(ctx context.Context, path string, query url.Values, begin, idle time.Duration) (*body, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	b := &body{ctx: ctx, cancel: cancel, idle: idle, timer: time.AfterFunc(begin, func() { cancel(errIdle) })}
	res, err := r.do(ctx, r.streams, http.MethodGet, path, query, nil, http.StatusOK)
	if err != nil {
		b.timer.Stop()
		cancel(nil)
		return nil, err
	}
	b.timer.Stop()
	b.res = res
	return b, nil
}

// Read implements io.Reader. The time between two reads does not count towards idle.
func (b *body) Read(p []byte) (int, error) {
	b.timer.Reset(b.idle)
	n, err := b.res.Body.Read(p)
	b.timer.Stop()
	switch c := cause(b.ctx, err); {
	case err == nil || errors.Is(err, io.EOF):
	case final(c): // the issuer said so to a report
		err = c
	default:
		err = fmt.Errorf("replication: the connection to the issuer broke: %w", c)
	}
	return n, err
}

func (b *body) close() {
	b.timer.Stop()
	b.cancel(nil)
	b.res.Body.Close()
}

// stream asks for the changes after at.
func (r *Remote) stream(ctx context.Context, at rootkeys.Position, t times) (*body, error) {
	return r.open(ctx, feed.PathStream, url.Values{
		"issuer": {at.Issuer},
		"epoch":  {strconv.FormatUint(at.Epoch, 10)},
		"after":  {strconv.FormatUint(at.Revision, 10)},
		"chain":  {at.Chain.String()},
	}, t.answer, t.idle)
}

// report sends a report to the issuer and returns the issuer's position.
func (r *Remote) report(ctx context.Context, report feed.Report, limit time.Duration) (rootkeys.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	b, err := json.Marshal(report)
	if err != nil {
		return rootkeys.Position{}, fmt.Errorf("replication: encode a report: %w", err)
	}
	at, err := r.sendReport(ctx, b)
	if err != nil {
		r.reports.CloseIdleConnections() // whatever is wrong with the connection, the next report has another
	}
	return at, err
}

// sendReport sends an encoded report.
func (r *Remote) sendReport(ctx context.Context, report []byte) (rootkeys.Position, error) {
	res, err := r.do(ctx, r.reports, http.MethodPost, feed.PathReport, nil, report, http.StatusNoContent)
	if err != nil {
		return rootkeys.Position{}, err
	}
	res.Body.Close()
	at, err := feed.ParsePosition(res.Header.Get(feed.PositionHeader))
	if err != nil {
		return at, fmt.Errorf("replication: the issuer does not say where it stands: %w", err)
	}
	return at, nil
}
