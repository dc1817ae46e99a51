// Package upstream is a backend of [gateway.Gateway] that passes uploads on to an existing index. The index can be any
// that speaks PyPI's upload API, as pypiserver, devpi, Gitea, Nexus and Artifactory do.
//
//	index, err := upstream.Open(upstream.Config{URL: "http://127.0.0.1:8081/", User: "rind", PasswordFile: "upstream.password", Spool: "spool"})
//	upload, err := gateway.New(gateway.Config{Verifier: v, Backend: index})
//	all, err := index.Reads(upload, "https://packages.example.org/", logger)
//	mux.Handle("/", all)
//
// The index never sees a token: it gets the gateway's own credential. It sees only whole, checked files, in a form that
// the gateway writes anew, because some indexes keep the part of a file that arrived before a connection broke, act on a
// field that comes twice, or delete files on request. The gateway translates the answers of the index: clients see their
// own mistakes, and the log tells operators theirs.
//
// Before it passes a file on, the gateway reads the index's list of the project, to learn whether the index has that file, or
// another one of an equivalent name. Uploads to one project that need the list at the same time share it. A list counts for a quarter of
// a second; the gateway adds what it passed on since. What somebody uploads to the index itself in that time goes unseen, as it does while
// a file is on its way: to have the last word, an index has to refuse other content for a name that it has.
package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rind-dev/rind/internal/loopback"
	"github.com/rind-dev/rind/internal/private"
	"github.com/rind-dev/rind/verifier/gateway"
)

// Times.
const (
	dialTime    = 10 * time.Second
	answerTime  = 2 * time.Minute  // for an answer, after all was sent
	sendTime    = time.Minute      // for sending an upload, plus a second for each slowestRate bytes
	slowestRate = 256 << 10        // bytes a second
	listTime    = 30 * time.Second // for reading a list, and the files on it whose digest it lacks
)

// Config says where the index is, and how to talk to it.
type Config struct {
	// URL is the address that uploads are posted to, as clients would be given it: https, or http where it is on this
	// machine or InsecureHTTP is set.
	URL string

	// SimpleURL is where the index lists its files (PEP 503); "" is simple/ below URL, or +simple/ as devpi has it.
	SimpleURL string

	// User and PasswordFile are the gateway's account (Basic); BearerFile holds a token instead. Set none of them if
	// the index needs no credential. The files must have mode 0600 or 0400. They are read again by Reload and after a 401.
	User, PasswordFile, BearerFile string

	// GroupAccess accepts such files also if their group may read them and this process is in that group.
	GroupAccess bool

	// CAFile holds the certificates (PEM) of the CAs that sign the index's; "" means the system's.
	CAFile string

	// InsecureHTTP allows http to another machine. Everybody on the way there can read the credential.
	InsecureHTTP bool

	// Spool is a folder for files of more than 64 KiB on their way; Open makes it. Files in it have no name and vanish with the process.
	Spool string

	// OnAnswer, if it is not nil, is called when the index has answered a request, or has not: with the method, the
	// status (0 without an answer), and the time from the beginning of the request to that of the answer. It is for metrics.
	OnAnswer func(method string, status int, took time.Duration)

	// Traffic is shared with another Upstream of the same index, which this one takes over from; nil: it is its own.
	Traffic *Traffic

	Logger *slog.Logger // nil discards
}

// Upstream is the index. Its methods may be called by several goroutines at once.
type Upstream struct {
	cfg    Config
	log    *slog.Logger
	base   *url.URL // ends with "/"
	client *http.Client

	credential atomic.Pointer[credential]
	simple     atomic.Pointer[url.URL] // ends with "/"; nil until it was found
	traffic    *Traffic
	shared     *sharedLists
	reached    health
	asking     chan struct{} // has room for one: the caller that asks the index whether it is up
}

var _ gateway.FormReader = (*Upstream)(nil)

// Open checks cfg and reads its files. It makes no connection: see [Upstream.Check].
func Open(cfg Config) (*Upstream, error) {
	u := &Upstream{cfg: cfg, log: cfg.Logger, traffic: cfg.Traffic, asking: make(chan struct{}, 1)}
	if u.log == nil {
		u.log = slog.New(slog.DiscardHandler)
	}
	if u.traffic == nil {
		u.traffic = NewTraffic()
	}
	u.shared = newSharedLists(u.list, &u.traffic.recent)
	var err error
	u.base, err = parseURL("the upstream's address", cfg.URL, cfg.InsecureHTTP)
	if err != nil {
		return nil, err
	}
	if cfg.SimpleURL != "" {
		simple, err := parseURL("the address of the upstream's list", cfg.SimpleURL, cfg.InsecureHTTP)
		if err != nil {
			return nil, err
		}
		u.simple.Store(simple)
	}
	u.client, err = newClient(cfg.CAFile)
	if err != nil {
		return nil, err
	}
	if cfg.OnAnswer != nil {
		u.client.Transport = timed{u.client.Transport, cfg.OnAnswer}
	}
	if err := u.readCredential(); err != nil {
		return nil, err
	}
	return u, u.makeSpool()
}

// makeSpool makes the folder and tries to use it.
func (u *Upstream) makeSpool() error {
	if err := os.MkdirAll(u.cfg.Spool, 0o700); err != nil {
		return fmt.Errorf("upstream: the folder for files on their way: %w", err)
	}
	fi, err := os.Stat(u.cfg.Spool)
	if err == nil {
		err = private.Of(u.cfg.GroupAccess).CheckFolder(u.cfg.Spool, fi)
	}
	if err != nil {
		return fmt.Errorf("upstream: the folder for files on their way, %s: %w", u.cfg.Spool, err)
	}
	f, err := spoolFile(u.cfg.Spool)
	if err != nil {
		return err
	}
	return f.Close()
}

func parseURL(what, text string, insecure bool) (*url.URL, error) {
	at, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("upstream: %s is not like https://index.example.org/", what) // err holds what may be a password
	case at.User != nil:
		return nil, fmt.Errorf("upstream: %s has a user in it: put that into user, and the password into the file that password-file names", what)
	case at.Host == "" || at.RawQuery != "" || at.Fragment != "" || at.Scheme != "http" && at.Scheme != "https":
		return nil, fmt.Errorf("upstream: %s, %s, is not like https://index.example.org/", what, at.Redacted())
	case at.Scheme == "http" && !loopback.Host(at.Hostname()) && !insecure:
		return nil, fmt.Errorf("upstream: %s, %s, is on another machine and not https: everybody on the way there could read the credential; use https, or set insecure-http if nobody else is on the way", what, at)
	}
	if !strings.HasSuffix(at.Path, "/") {
		at.Path += "/"
	}
	return at, nil
}

// newClient returns a client for HTTP/1.1. It follows no redirects, which would carry the credential elsewhere.
func newClient(caFile string) (*http.Client, error) {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTime, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:   dialTime,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       30 * time.Second,
		ResponseHeaderTimeout: answerTime,
		DisableCompression:    true,
		WriteBufferSize:       64 << 10,
	}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("upstream: the certificates of the index: %w", err)
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("upstream: %s contains no PEM certificate", caFile)
		}
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// timed is a RoundTripper that says how each request ended.
type timed struct {
	http.RoundTripper
	ended func(method string, status int, took time.Duration)
}

// RoundTrip implements http.RoundTripper.
func (t timed) RoundTrip(r *http.Request) (*http.Response, error) {
	began, status := time.Now(), 0
	res, err := t.RoundTripper.RoundTrip(r)
	if err == nil {
		status = res.StatusCode
	}
	t.ended(r.Method, status, time.Since(began))
	return res, err
}

// Reserve implements [gateway.Backend].
func (u *Upstream) Reserve(ctx context.Context, _ gateway.Upload) (gateway.Staged, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &staged{u: u, file: &spooled{dir: u.cfg.Spool}}, nil
}

// ErrMisconfigured says that the index, as it is set up, does not take uploads or does not let the gateway in. An operator
// has to fix that; until then clients get 502.
var ErrMisconfigured = errors.New("upstream: the index does not take uploads as it is set up")

// misconfigured returns the Refusal for ErrMisconfigured. The formatted text goes to the log and says what to do.
func (u *Upstream) misconfigured(format string, args ...any) error {
	return &gateway.Refusal{
		Status: http.StatusBadGateway, Reason: "The index behind this address is not set up to take uploads. Its operators can see why in the log.",
		Err: fmt.Errorf("%w: %s: %s", ErrMisconfigured, u.base, fmt.Sprintf(format, args...)),
	}
}

// minRetry is the shortest time after which a client is asked to try again.
const minRetry = 30 * time.Second

// unavailable returns the Refusal for an upload that the index can't take now. That alone doesn't say that the index is
// down: see health.
func unavailable(retry time.Duration, err error) error {
	return &gateway.Refusal{
		Status: http.StatusServiceUnavailable, Reason: "The index behind this address could not be reached right now. Try again later.",
		RetryAfter: max(retry, minRetry), Err: err,
	}
}
