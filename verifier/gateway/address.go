package gateway

import (
	"mime"
	"net/http"
	"strings"

	"github.com/rind-dev/rind/verifier/httpauth"
)

// SeemsUpload tells whether a request is an upload by its looks: it changes
// something, and brings a token or a form with a file. Where no address takes it,
// [WrongAddress] answers it in words that its client shows.
func SeemsUpload(r *http.Request) bool {
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return false
	}
	return hasCredentials(r) || hasParts(r)
}

// IsUpload tells whether a request is an upload beyond doubt: it posts a form with parts
// and brings credentials, which no browser does for a page.
func IsUpload(r *http.Request) bool {
	return r.Method == http.MethodPost && hasCredentials(r) && hasParts(r)
}

func hasCredentials(r *http.Request) bool { return len(r.Header.Values("Authorization")) > 0 }

func hasParts(r *http.Request) bool {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return strings.EqualFold(kind, "multipart/form-data")
}

// WrongAddress answers an upload that was sent to an address that takes none, with
// a status (404, 405, or 415 where pages take forms of another kind) and one sentence that names uploadURL, the one that does.
// Nothing of the token is looked at.
func WrongAddress(w http.ResponseWriter, r *http.Request, status int, uploadURL string) {
	httpauth.Refuser{}.Answer(w, r, httpauth.Answer{
		Status: status, Allow: w.Header().Get("Allow"),
		Sentence: "Upload packages to " + uploadURL + ", not to this address.",
	})
}
