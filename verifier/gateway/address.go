package gateway

import (
	"mime"
	"net/http"
	"strings"

	"github.com/rind-dev/rind/verifier/httpauth"
)

// SeemsUpload reports whether a request looks like an upload: it changes something, and it
// carries a token or a form with a file. If no address accepts it, [WrongAddress] answers in
// words that the client shows.
func SeemsUpload(r *http.Request) bool {
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return false
	}
	return hasCredentials(r) || hasParts(r)
}

// IsUpload reports whether a request is certainly an upload: it posts a multipart form and
// carries credentials, which no browser does for a page.
func IsUpload(r *http.Request) bool {
	return r.Method == http.MethodPost && hasCredentials(r) && hasParts(r)
}

func hasCredentials(r *http.Request) bool { return len(r.Header.Values("Authorization")) > 0 }

func hasParts(r *http.Request) bool {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return strings.EqualFold(kind, "multipart/form-data")
}

// WrongAddress answers an upload that was sent to an address that takes no uploads, with
// a status (404, 405, or 415 where pages take forms of another kind) and one sentence that names uploadURL, which does.
// It does not look at the token.
func WrongAddress(w http.ResponseWriter, r *http.Request, status int, uploadURL string) {
	httpauth.Refuser{}.Answer(w, r, httpauth.Answer{
		Status: status, Allow: w.Header().Get("Allow"),
		Sentence: "Upload packages to " + uploadURL + ", not to this address.",
	})
}
