package gatewayhttp

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/verifier/gateway"
)

// Index is an index at a path.
type Index struct {
	Path    string // "/" at both ends
	Uploads http.Handler
	Reads   http.Handler // for GET and HEAD; nil: they are not passed on
	Ready   func(context.Context) error
}

// Indexes serves several indexes, each below its path.
type Indexes struct {
	all    []Index // the longest path first, so that the first that fits is the one
	first  *Index  // of those that were given; nil: none were
	public string  // address of the server, without a slash at the end
}

// NewIndexes makes the handler. No two indexes may have one path.
func NewIndexes(all []Index, publicURL *url.URL) *Indexes {
	var first *Index
	if len(all) > 0 {
		first = &all[0]
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Index) int { return len(b.Path) - len(a.Path) })
	return &Indexes{all: all, first: first, public: strings.TrimSuffix(publicURL.String(), "/")}
}

// ProjectPath returns the path of the pages of a project, in the index with the shortest path among those that show
// pages. It is "" if there is none, or if no project can have the name.
func (x *Indexes) ProjectPath(name string) string {
	for _, i := range slices.Backward(x.all) {
		if i.Reads != nil && caveats.ValidProjectName(name) {
			return i.Path + "simple/" + caveats.NormalizeProject(name) + "/"
		}
	}
	return ""
}

// ServeHTTP answers below the path of an index. Elsewhere it says that there is none, and tells an upload where the first is.
func (x *Indexes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, i := range x.all {
		if rest, ok := strings.CutPrefix(r.URL.Path, i.Path); ok {
			x.within(w, r, i, rest)
			return
		}
		if r.URL.Path+"/" == i.Path {
			x.within(w, r, i, "")
			return
		}
	}
	if x.first != nil && gateway.SeemsUpload(r) {
		gateway.WrongAddress(w, r, http.StatusNotFound, x.uploadURL(*x.first))
		return
	}
	say(w, http.StatusNotFound, "There is no index at this address.")
}

// hatchPages is the path below the upload address where hatch looks at the index before it uploads.
const hatchPages = "+simple/"

func (x *Indexes) within(w http.ResponseWriter, r *http.Request, i Index, rest string) {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	isUpload := rest == "" || rest == "legacy" || rest == "legacy/"
	switch {
	case isUpload && (!reads || i.Reads == nil || rest != ""):
		i.Uploads.ServeHTTP(w, r)
	case reads && i.Reads != nil:
		if page, ok := strings.CutPrefix(strings.TrimPrefix(rest, "legacy/"), hatchPages); ok {
			r = r.Clone(r.Context())
			r.URL.Path, r.URL.RawPath = i.Path+"simple/"+page, ""
		}
		deadline.Download.Serve(w, r, i.Reads.ServeHTTP)
	case reads:
		say(w, http.StatusNotFound, "This index is not read at this address. Packages are uploaded to "+x.uploadURL(i)+".")
	default:
		gateway.WrongAddress(w, r, http.StatusNotFound, x.uploadURL(i))
	}
}

func (x *Indexes) uploadURL(i Index) string { return x.public + i.Path }
