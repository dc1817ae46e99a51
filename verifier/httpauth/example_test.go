package httpauth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/httpauth"
)

// exampleVerifier allows one token to upload; a program takes what verifier.New
// makes.
type exampleVerifier struct{}

func (exampleVerifier) Verify(_ context.Context, text string, req caveats.Request) (verifier.Grant, error) {
	if text != "pypi-example" {
		return verifier.Grant{}, &verifier.Denial{Failures: []caveats.Failure{{Reason: caveats.Expired, Text: "token is expired"}}}
	}
	return verifier.Grant{UserName: "alice", Project: caveats.NormalizeProject(req.Project), Action: req.Action}, nil
}

// An index whose paths name the project lets only those uploads through that a token
// allows.
func ExampleProtect() {
	check := exampleVerifier{}
	protect := httpauth.Protect(check, func(r *http.Request) caveats.Request {
		return caveats.Request{Action: caveats.ActionUpload, Project: r.PathValue("project")}
	})
	mux := http.NewServeMux()
	mux.Handle("PUT /{project}/{file}", protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		grant, _ := httpauth.GrantFrom(r.Context())
		fmt.Fprintf(w, "%s uploads to %s", grant.UserName, grant.Project) // not the name in the path
	})))

	for _, token := range []string{"pypi-example", "pypi-other"} {
		r := httptest.NewRequest(http.MethodPut, "/Demo/demo-1.0.tar.gz", nil)
		r.SetBasicAuth(httpauth.Username, token)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 200 alice uploads to demo
	// 403 Invalid API Token: token is expired
}
