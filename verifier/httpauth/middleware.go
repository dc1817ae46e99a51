package httpauth

import (
	"context"
	"net/http"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/verifier"
)

// Verifier checks tokens; *[verifier.Verifier] is one. An error is a
// *[verifier.Denial], or says that the check could not be made.
type Verifier interface {
	Verify(ctx context.Context, text string, req caveats.Request) (verifier.Grant, error)
}

type grantKey struct{}

// Middleware lets requests through to next whose token is good for what they
// want to do, and refuses the others with [Refuse]. next finds the grant with
// [GrantFrom], and acts on the project that the grant names.
//
// describe says what a request wants to do: its action, project, version and
// whatever else the handler will act on. A fact that it leaves out satisfies no
// caveat, and a request without a project is denied.
func Middleware(v Verifier, describe func(*http.Request) caveats.Request, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := Token(r)
		if err != nil {
			Refuse(w, r, err)
			return
		}
		grant, err := v.Verify(r.Context(), text, describe(r))
		if err != nil {
			Refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), grantKey{}, grant)))
	})
}

// GrantFrom is the grant of a request that came through [Middleware].
func GrantFrom(ctx context.Context) (verifier.Grant, bool) {
	grant, ok := ctx.Value(grantKey{}).(verifier.Grant)
	return grant, ok
}
