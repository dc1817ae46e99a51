package upstream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/rind-dev/rind/internal/dist"
	"github.com/rind-dev/rind/verifier/gateway"
)

// maxListing is the size of the largest page that is read, in bytes.
const maxListing = 64 << 20

const (
	jsonType = "application/vnd.pypi.simple.v1+json"
	accept   = jsonType + ", application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
)

// listed is a file that the index has, according to its page.
type listed struct {
	name   string
	sha256 string // lower-case hex; "" where the page does not say it
	at     *url.URL

	size     int64     // bytes; 0 where the page does not say it
	uploaded time.Time // zero where the page does not say it
}

// list returns the files of a project whose names are wanted. It does not keep the whole page, which may list many
// thousand files, in memory.
func (u *Upstream) list(ctx context.Context, project string, wanted func(name string) bool) ([]listed, error) {
	simple, err := u.findSimple(ctx)
	if err != nil {
		return nil, err
	}
	at := simple.JoinPath(project + "/")
	res, err := u.get(ctx, at, accept)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotFound:
		return nil, nil
	case res.StatusCode != http.StatusOK:
		return nil, u.wrongStatus("the list of a project at "+at.String(), res)
	}
	page := &io.LimitedReader{R: res.Body, N: maxListing + 1}
	var files []listed
	if kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); kind == jsonType {
		files, err = readJSON(page, res.Request.URL, wanted)
	} else {
		files, err = readHTML(page, res.Request.URL, wanted)
	}
	if page.N <= 0 {
		err = fmt.Errorf("it is larger than %d bytes", maxListing)
	}
	if err != nil {
		return nil, unavailable(0, fmt.Errorf("upstream: the page %s: %w", at, err))
	}
	return files, nil
}

// Known implements [gateway.Lister]. Times and sizes are those that the index states (PEP 700), if it does.
func (u *Upstream) Known(ctx context.Context, project string) (all []gateway.Known, err error) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	files, err := u.list(ctx, project, func(name string) bool { return dist.VersionOf(name, project) != "" })
	for _, f := range files {
		all = append(all, gateway.Known{Name: f.name, Size: f.size, Uploaded: f.uploaded})
	}
	return all, err
}

// findSimple finds the address of the pages. devpi has them in a different place than the others.
func (u *Upstream) findSimple(ctx context.Context) (*url.URL, error) {
	if at := u.simple.Load(); at != nil {
		return at, nil
	}
	devpi := u.base.JoinPath("+simple/")
	res, err := u.ask(ctx, devpi, accept) // pypiserver redirects, in a circle
	if err != nil {
		return nil, err
	}
	res.Body.Close()
	at := u.base.JoinPath("simple/")
	switch {
	case res.StatusCode == http.StatusOK:
		at = devpi
	case res.StatusCode >= 500, res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusUnauthorized:
		return nil, u.wrongStatus("its list at "+devpi.String(), res)
	case res.StatusCode != http.StatusNotFound && res.StatusCode/100 != 3:
		return at, nil // it does not say that there is none: it is asked again
	}
	u.simple.Store(at)
	return at, nil
}

// ask asks for a page with the gateway's credential.
func (u *Upstream) ask(ctx context.Context, at *url.URL, accept string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", accept)
	r.Header.Set("User-Agent", userAgent)
	u.credential.Load().set(r)
	res, err := u.client.Do(r)
	if err != nil {
		err = fmt.Errorf("upstream: %w", err)
		u.reached.note(err)
		return nil, unavailable(0, err)
	}
	u.reached.note(nil)
	return res, nil
}

// get does what ask does, and follows redirects on the same host.
func (u *Upstream) get(ctx context.Context, at *url.URL, accept string) (*http.Response, error) {
	for range 5 {
		res, err := u.ask(ctx, at, accept)
		if err != nil {
			return nil, err
		}
		to, err := res.Location()
		if res.StatusCode < 300 || res.StatusCode > 399 || err != nil {
			return res, nil
		}
		res.Body.Close()
		if to.Host != at.Host || to.Scheme != at.Scheme {
			return nil, u.misconfigured("it redirects to %s: set that address", to.Redacted())
		}
		at = to
	}
	return nil, u.misconfigured("it redirects in a circle")
}

// readJSON reads the files of a page one by one.
func readJSON(r io.Reader, base *url.URL, wanted func(name string) bool) (files []listed, err error) {
	page := json.NewDecoder(r)
	if err := delim(page, '{'); err != nil {
		return nil, err
	}
	for page.More() {
		key, err := page.Token()
		if err != nil {
			return nil, err
		}
		if key != "files" {
			if err := skipValue(page); err != nil {
				return nil, err
			}
			continue
		}
		if err := delim(page, '['); err != nil {
			return nil, err
		}
		for page.More() {
			var f struct {
				Filename string            `json:"filename"`
				URL      string            `json:"url"`
				Hashes   map[string]string `json:"hashes"`
				Size     int64             `json:"size"`
				Uploaded string            `json:"upload-time"`
			}
			err := page.Decode(&f)
			if err != nil {
				return nil, err
			}
			if at, err := base.Parse(f.URL); err == nil && wanted(f.Filename) {
				uploaded, _ := time.Parse(time.RFC3339, f.Uploaded)
				files = append(files, listed{name: f.Filename, sha256: strings.ToLower(f.Hashes["sha256"]), at: at, size: f.Size, uploaded: uploaded})
			}
		}
		if err := delim(page, ']'); err != nil {
			return nil, err
		}
	}
	return files, delim(page, '}')
}

// delim reads one delimiter.
func delim(page *json.Decoder, want json.Delim) error {
	token, err := page.Token()
	if err == nil && token != want {
		err = fmt.Errorf("%v is where %v should be", token, want)
	}
	return err
}

// skipValue reads over one value, whatever it is.
func skipValue(page *json.Decoder) error {
	for depth := 0; ; {
		token, err := page.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// maxTag is the size of the largest tag of a page that is read, in bytes.
const maxTag = 1 << 20

// readHTML reads the links of a page: the name of a file is the end of its path.
func readHTML(r io.Reader, base *url.URL, wanted func(name string) bool) (files []listed, err error) {
	tokens := html.NewTokenizer(r)
	tokens.SetMaxBuf(maxTag)
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			if err := tokens.Err(); !errors.Is(err, io.EOF) {
				return nil, err
			}
			return files, nil
		case html.StartTagToken:
			tag := tokens.Token()
			if tag.DataAtom != atom.A {
				continue
			}
			for _, a := range tag.Attr {
				if at, err := base.Parse(a.Val); a.Key == "href" && err == nil && wanted(path.Base(at.Path)) {
					digest, _ := strings.CutPrefix(at.Fragment, "sha256=")
					if digest == at.Fragment {
						digest = ""
					}
					files = append(files, listed{name: path.Base(at.Path), sha256: strings.ToLower(digest), at: at})
				}
			}
		}
	}
}

// compare compares an upload with what the index has. repeated means that it has the same file. The error says that it
// has a different file with that name, or with an equivalent one.
func (u *Upstream) compare(ctx context.Context, up gateway.Upload) (repeated bool, err error) {
	mine := dist.Identity(up.Filename, up.Project)
	files, err := u.shared.join(ctx, up.Project,
		func(name, identity string) bool { return name == up.Filename || identity != "" && identity == mine })
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	for _, f := range files {
		switch {
		case f.name == up.Filename:
			digest, err := u.digest(ctx, f, up.Size)
			if err != nil {
				return false, err
			}
			if digest != up.SHA256 {
				return false, gateway.Exists(f.name, up.Filename)
			}
			repeated = true
		case dist.Equivalent(f.name, up.Filename, up.Project):
			return false, gateway.Exists(f.name, up.Filename)
		}
	}
	return repeated, nil
}

// digest returns a listed file's SHA-256, and reads the file if the page does not state it. If the file is longer than
// size bytes, it is a different file, and digest does not read it to its end.
func (u *Upstream) digest(ctx context.Context, f listed, size int64) (string, error) {
	if len(f.sha256) == 2*sha256.Size {
		return f.sha256, nil
	}
	if f.at.Host != u.base.Host || f.at.Scheme != u.base.Scheme {
		return "", u.misconfigured("it lists %s at %s, without its SHA-256: files have to be on its own host", f.name, f.at.Redacted())
	}
	res, err := u.get(ctx, f.at, "*/*")
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", u.wrongStatus("the file "+f.at.String(), res)
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(res.Body, size+1)); err != nil {
		return "", unavailable(0, fmt.Errorf("upstream: %s: %w", f.at, err))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
