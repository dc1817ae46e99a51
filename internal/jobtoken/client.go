package jobtoken

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/loopback"
	"github.com/rind-dev/rind/internal/text"
)

// Limits of asking the server.
const (
	callTime = 20 * time.Second // for one request
	tries    = 3
	maxWait  = time.Minute // between two tries
)

// The server's addresses, which PyPI's clients know.
const (
	pathAudience = "/_/oidc/audience"
	pathMint     = "/_/oidc/mint-token"
	pathBurn     = "/_/oidc/burn-token"
)

// Token is an upload token for a job.
type Token struct {
	Text     string // the secret
	Expires  time.Time
	Projects []string
	Versions []string // none: any
}

// String says what the token is for, without its text.
func (t Token) String() string {
	out := "the token is for " + strings.Join(t.Projects, ", ")
	if len(t.Versions) > 0 {
		out += ", version " + strings.Join(t.Versions, ", ")
	}
	return out + ", until " + t.Expires.UTC().Format(time.RFC3339) + " at most"
}

// Client asks one server.
type Client struct {
	root   string // https://HOST
	upload string
	http   *http.Client
	sleep  func(context.Context, time.Duration) error
}

// NewClient returns a Client for a server, which is named by its address or by an upload address on it. roots are the CAs to trust; nil: the system's.
func NewClient(server string, roots *x509.CertPool) (*Client, error) {
	u, err := checkURL(server)
	if err != nil {
		return nil, fmt.Errorf("the server's address %q %w", server, err)
	}
	root := u.Scheme + "://" + u.Host
	upload := root + "/legacy/"
	if u.Path != "" && u.Path != "/" {
		upload = root + u.EscapedPath()
	}
	return &Client{root: root, upload: upload, http: newHTTPClient(roots, callTime), sleep: sleep}, nil
}

// UploadURL returns the address that uploads go to.
func (c *Client) UploadURL() string { return c.upload }

// CheckUploadURL returns an error unless an address may be given a token.
func CheckUploadURL(address string) error {
	_, err := checkURL(address)
	if err != nil {
		return fmt.Errorf("the upload address %q %w", address, err)
	}
	return nil
}

// checkURL reads an address that may be given a secret: https, or this machine.
func checkURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, errors.New("is no URL: give one like https://packages.example.org")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("has more than a host and a path: leave out user, '?' and '#'")
	case u.Scheme == "https" || u.Scheme == "http" && loopback.Host(u.Hostname()):
		return u, nil
	}
	return nil, errors.New("is not https: tokens are not sent over an open line")
}

// Roots reads the CA certificates (PEM) of a file. "" is no file, and nil are the system's.
func Roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s contains no PEM certificate", file)
	}
	return roots, nil
}

// newHTTPClient returns a client that follows no redirects: they could lead a token elsewhere.
func newHTTPClient(roots *x509.CertPool, limit time.Duration) *http.Client {
	return &http.Client{
		Timeout: limit,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: limit}).DialContext, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: limit, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: func(r *http.Request, _ []*http.Request) error { return &redirectError{to: r.URL.Redacted()} },
	}
}

// redirectError says that an address leads elsewhere.
type redirectError struct{ to string }

func (e *redirectError) Error() string {
	return "the address leads on to " + text.Clip(e.to) + ", and tokens follow no redirects: name that address"
}

// answer is what a server says.
type answer struct {
	status int
	body   []byte
	wait   time.Duration // when to come again; 0: not said
}

// send sends a request with a JSON body, or without one, and reads the answer, of maxAnswer bytes at most.
func send(ctx context.Context, c *http.Client, method, to string, header http.Header, v any) (a answer, err error) {
	var b []byte
	if v != nil {
		b, err = json.Marshal(v)
		if err != nil {
			return a, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(b))
	if err != nil {
		return a, err
	}
	for k, v := range header {
		r.Header[k] = v
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "rind")
	if v != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.Do(r)
	var failed *url.Error
	if errors.As(err, &failed) { // its address may hold what is secret
		err = failed.Err
	}
	if err != nil {
		return a, fmt.Errorf("%s: %w", hostOf(to), err)
	}
	defer resp.Body.Close()
	a.status = resp.StatusCode
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(a.body) > maxAnswer {
		err = fmt.Errorf("its answer has more than %d bytes", maxAnswer)
	}
	if err != nil {
		return a, fmt.Errorf("%s: %w", hostOf(to), err)
	}
	if seconds, convErr := strconv.Atoi(resp.Header.Get("Retry-After")); convErr == nil && seconds > 0 {
		a.wait = time.Duration(min(seconds, 1<<20)) * time.Second
	}
	return a, nil
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the server"
	}
	return u.Host
}

// Refused is an answer of the server that is no success.
type Refused struct {
	Status int
	Code   string // PyPI's, "" if there is none
	Detail string

	wait time.Duration // 0: not said
}

func (r *Refused) Error() string { return r.Detail }

// again reports whether the same request may succeed later.
func (r *Refused) again() bool { return r.Status == http.StatusTooManyRequests || r.Status >= 500 }

// ask sends a request to the server, and reads the JSON of its answer into to, unless that is nil. The error is a *Refused, or says that no answer came.
func (c *Client) ask(ctx context.Context, method, path string, v, to any) error {
	a, err := send(ctx, c.http, method, c.root+path, nil, v)
	switch {
	case err != nil:
		return err
	case a.status/100 != 2:
		return c.refused(path, a)
	case to == nil || json.Unmarshal(a.body, to) == nil:
		return nil
	}
	return &final{fmt.Errorf("%s answers with something that is no JSON: is this the address of the server itself?", c.root+path)}
}

// refused reads an answer that is no success.
func (c *Client) refused(path string, a answer) *Refused {
	no := &Refused{Status: a.status, wait: a.wait}
	var said struct {
		Message string
		Errors  []struct{ Code, Description string }
	}
	if json.Unmarshal(a.body, &said) == nil {
		no.Detail = said.Message
		if len(said.Errors) > 0 {
			no.Code, no.Detail = said.Errors[0].Code, cmp.Or(said.Errors[0].Description, said.Message)
		}
	}
	switch {
	case a.status == http.StatusForbidden && path == pathAudience:
		no.Detail = cmp.Or(no.Detail, "trusted publishing is switched off there")
	case a.status == http.StatusNotFound:
		no.Detail = "it does not know trusted publishing: is this the address of the server itself?"
	}
	no.Detail = fmt.Sprintf("%s answers %d: %s", c.root, a.status, text.OneLine(cmp.Or(no.Detail, http.StatusText(a.status))))
	return no
}

// Get gets an upload token for a job. digests are the SHA-256, in hex, of the files that it is for; none: any.
func (c *Client) Get(ctx context.Context, j *Job, digests []string) (Token, error) {
	var audience struct{ Audience string }
	err := c.retry(ctx, func() error { return c.ask(ctx, http.MethodGet, pathAudience, nil, &audience) })
	if err != nil {
		return Token{}, err
	}
	if audience.Audience == "" {
		return Token{}, fmt.Errorf("%s names no audience for ID tokens", c.root+pathAudience)
	}
	var t Token
	err = c.retry(ctx, func() error { // each time with an ID token of its own, where the CI system gives one
		id, err := j.IDToken(ctx, audience.Audience)
		if err != nil {
			return err
		}
		t, err = c.mint(ctx, id, digests)
		return err
	})
	return t, err
}

// final is an error that no other try changes.
type final struct{ error }

func (f *final) Unwrap() error { return f.error }

// retry tries again where no answer came, or the server asks for it.
func (c *Client) retry(ctx context.Context, try func() error) (err error) {
	for n := range tries {
		err = try()
		wait := time.Duration(n+1) * time.Second
		var no *Refused
		var last *final
		var redirect *redirectError
		var stranger *tls.CertificateVerificationError
		switch {
		case err == nil || errors.As(err, &last) || errors.As(err, &redirect) || errors.As(err, &stranger) || ctx.Err() != nil || n == tries-1:
			return err
		case errors.As(err, &no):
			if !no.again() || no.wait > maxWait {
				return err
			}
			wait = max(wait, no.wait)
		}
		if sleepErr := c.sleep(ctx, wait); sleepErr != nil {
			return errors.Join(err, sleepErr)
		}
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (c *Client) mint(ctx context.Context, id string, digests []string) (Token, error) {
	send := map[string]any{"token": id}
	if len(digests) > 0 {
		send["digests"] = digests
	}
	var got struct {
		Token    string
		Expires  int64
		Projects []string
		Versions []string
	}
	err := c.ask(ctx, http.MethodPost, pathMint, send, &got)
	if err != nil {
		return Token{}, err
	}
	_, err = token.Parse(got.Token)
	if err != nil {
		return Token{}, &final{fmt.Errorf("%s answers without an upload token", c.root+pathMint)}
	}
	return Token{Text: got.Token, Expires: time.Unix(got.Expires, 0), Projects: got.Projects, Versions: got.Versions}, nil
}

// Burn ends an upload token before its time is over.
func (c *Client) Burn(ctx context.Context, text string) error {
	return c.ask(ctx, http.MethodPost, pathBurn, map[string]string{"token": text}, nil)
}
