package httpauth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/httpauth"
)

// oneTokenStore is a verifier.Store of one token for one project.
type oneTokenStore struct {
	id  string
	rec verifier.Record
	err error
}

func (s oneTokenStore) Lookup(_ context.Context, id, project string) (verifier.Record, error) {
	if s.err != nil {
		return verifier.Record{}, s.err
	}
	if id != s.id {
		return verifier.Record{}, verifier.ErrUnknownToken
	}
	rec := s.rec
	if project == "demo" {
		rec.Project = verifier.Project{ID: "00000000-0000-4000-8000-0000000000bb", Name: "demo", Member: true}
	}
	return rec, nil
}

func mint(t *testing.T) (oneTokenStore, string) {
	t.Helper()
	const id, location, user = "01900000-0000-7000-8000-000000000001", "packages.example.org", "00000000-0000-4000-8000-0000000000aa"
	cs := [][]byte{caveats.User(user).Append(nil), caveats.ProjectNames{"demo"}.Append(nil)}
	minted, err := token.Mint(make([]byte, token.RootKeySize), id, location, cs)
	if err != nil {
		t.Fatal(err)
	}
	text, err := minted.Text()
	if err != nil {
		t.Fatal(err)
	}
	return oneTokenStore{id: id, rec: verifier.Record{Location: location, UserID: user, UserName: "alice", Caveats: cs, Signature: minted.Signature}}, text
}

func TestMiddleware(t *testing.T) {
	store, text := mint(t)
	narrowed, err := token.Restrict(text, caveats.Versions{"1.0"}, caveats.Life{ExpiresAt: time.Now().Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	broken := store
	broken.err = errors.New("the disk is gone")
	for _, c := range []struct {
		name, auth, project, version string
		store                        oneTokenStore
		status                       string
	}{
		{"good", basic("__token__", text), "demo", "2.0", store, "200 OK"},
		{"bearer, other spelling", "Bearer " + text, "Demo", "2.0", store, "200 OK"},
		{"narrowed", "Bearer " + narrowed, "demo", "1.0.0", store, "200 OK"},
		{"narrowed to another version", "Bearer " + narrowed, "demo", "2.0", store,
			"403 Invalid API Token: token is valid for version '1.0', not for '2.0'"},
		{"other project", "Bearer " + text, "other", "", store,
			"403 Invalid API Token: token is valid for project 'demo', not for 'other'; user 'alice' is not a member of project 'other'"},
		{"nothing", "", "demo", "", store, "403 " + httpauth.ErrMissing.Sentence()},
		{"unavailable", "Bearer " + text, "demo", "", broken, "503 API tokens can't be checked right now. Try again later."},
	} {
		t.Run(c.name, func(t *testing.T) {
			reached := false
			h := httpauth.Middleware(verifier.New(c.store),
				func(*http.Request) caveats.Request {
					return caveats.Request{Action: caveats.ActionUpload, Project: c.project, Version: c.version}
				},
				http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					g, ok := httpauth.GrantFrom(r.Context())
					reached = ok && g.Project == "demo" && g.UserName == "alice"
					_, _ = io.WriteString(w, "done")
				}))
			s := httptest.NewServer(h)
			defer s.Close()
			req, _ := http.NewRequest("POST", s.URL, nil)
			if c.auth != "" {
				req.Header.Set("Authorization", c.auth)
			}
			resp, err := s.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.Status != c.status || reached != (resp.StatusCode == 200) {
				t.Errorf("%q, reached %v; want %q", resp.Status, reached, c.status)
			}
		})
	}
}
