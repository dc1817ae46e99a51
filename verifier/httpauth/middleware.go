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

// Middleware passes requests on to next if their token is valid for what they want to do, and
// refuses the others with [Refuse]. next gets the grant with [GrantFrom], and acts on the
// project that the grant names.
//
// describe says what a request wants to do: its action, project, version and whatever else the
// handler will act on. A caveat about a fact that it leaves out is not satisfied, and a
// request without a project is denied.
func Middleware(v Verifier, describe func(*http.Request) caveats.Request, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		grant, err := Check(v, r, describe(r))
		if err != nil {
			Refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), grantKey{}, grant)))
	})
}

// Protect is [Middleware] in the shape that routers take: a chain of handlers, or
// echo.WrapMiddleware, after which c.Request().Context() has the grant.
func Protect(v Verifier, describe func(*http.Request) caveats.Request) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler { return Middleware(v, describe, next) }
}

// Check verifies that the token in r is valid for req. Every error can be passed to [Refuse].
// Use it in handlers that know what a request wants only after routing, for example from a
// parameter of the path.
func Check(v Verifier, r *http.Request, req caveats.Request) (verifier.Grant, error) {
	text, err := Token(r)
	if err != nil {
		return verifier.Grant{}, err
	}
	return v.Verify(r.Context(), text, req)
}

// GrantFrom is the grant of a request that came through [Middleware].
func GrantFrom(ctx context.Context) (verifier.Grant, bool) {
	grant, ok := ctx.Value(grantKey{}).(verifier.Grant)
	return grant, ok
}
