package upstream

import (
	"bufio"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Pages of an index that is at another path than the gateway's may link to a place outside of the gateway's path: those of
// pypiserver link to /packages/, from the root. Such links are changed on the way, so that installers find the files.

// mended reports whether the links of an answer have to be changed: of a page with the list of a project, as a whole, in
// HTML that is not compressed.
func (u *Upstream) mended(res *http.Response, public *url.URL) bool {
	kind, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	return public.EscapedPath() != u.base.EscapedPath() && res.StatusCode == http.StatusOK && isPage(res.Request.URL, u.base) &&
		strings.EqualFold(strings.TrimSpace(kind), "text/html") && res.Header.Get("Content-Encoding") == ""
}

// isPage reports whether an address of the index is that of a list.
func isPage(at, base *url.URL) bool {
	rest := strings.TrimPrefix(at.EscapedPath(), base.EscapedPath())
	return strings.HasPrefix(rest, "simple/") || strings.HasPrefix(rest, "+simple/")
}

// mendLinks changes the links of an answer as it is read.
func (u *Upstream) mendLinks(res *http.Response, public *url.URL) {
	res.Header.Del("Content-Length")
	res.ContentLength = -1
	body := res.Body
	if res.Request.Method == http.MethodHead {
		return
	}
	in, out := io.Pipe()
	go func() {
		defer body.Close()
		w := bufio.NewWriter(out)
		err := u.copyPage(w, body, res.Request.URL, public)
		if err == nil {
			err = w.Flush()
		}
		out.CloseWithError(err)
	}()
	res.Body = in
}

// copyPage copies a page. Everything but links to the index stays byte for byte as it is.
func (u *Upstream) copyPage(w *bufio.Writer, page io.Reader, at, public *url.URL) error {
	z := html.NewTokenizer(page)
	z.SetMaxBuf(maxPiece)
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			if err := z.Err(); err != io.EOF {
				return err
			}
			return nil
		}
		raw := string(z.Raw())
		if kind == html.StartTagToken || kind == html.SelfClosingTagToken {
			if t := z.Token(); t.DataAtom == atom.A && u.mendLink(t.Attr, at, public) {
				raw = t.String()
			}
		}
		if _, err := w.WriteString(raw); err != nil {
			return err
		}
	}
}

// maxPiece bounds the memory for one tag or one piece of text of a page, in bytes.
const maxPiece = 1 << 20

// mendLink changes the link of a tag if it leads from the root to a place in the index, and reports whether it did.
func (u *Upstream) mendLink(attributes []html.Attribute, at, public *url.URL) (changed bool) {
	for i, a := range attributes {
		if a.Key != "href" || !strings.HasPrefix(a.Val, "/") {
			continue
		}
		to, err := at.Parse(a.Val)
		if err != nil || to.Host != at.Host || to.Scheme != at.Scheme {
			continue
		}
		if rest, ok := strings.CutPrefix(to.EscapedPath(), u.base.EscapedPath()); ok {
			moved := public.EscapedPath() + rest
			if to.RawQuery != "" {
				moved += "?" + to.RawQuery
			}
			if to.Fragment != "" {
				moved += "#" + to.EscapedFragment()
			}
			attributes[i].Val, changed = moved, true
		}
	}
	return changed
}
