package replication_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/verifier/replication"
)

// A verifier has the project of a first upload registered, and knows it when the call returns. The issuer's decision is an
// error of its own; an issuer that is away, or that answers nonsense, is another one.
func TestRegisterAProject(t *testing.T) {
	o := newOrigin(t)
	r := newReplica(t, o.url(), o.secretFile("berlin"))
	able, err := o.Tokens.Mint(t.Context(), alice, tokens.MintRequest{Label: "able", Scope: tokens.ScopeAll, Registers: true, Life: tokens.LifeNever})
	o.check(err)
	plain := o.mint("plain")
	r.catchUp(o)
	register := func(text, project string) error {
		return r.Register(t.Context(), text, caveats.Request{Project: project, Version: "1.0", Filename: project + "-1.0.tar.gz"}, "twine/7.0")
	}
	r.expect(able.Text, "new", string(caveats.NotAMember))
	o.check(register(able.Text, "new"))
	r.expect(able.Text, "new", "allow")
	o.check(register(able.Text, "new"))
	var no *replication.NotRegistered
	if err := register(plain.Text, "other"); !errors.As(err, &no) || no.Status != http.StatusForbidden || no.Reason != "Invalid API Token: token may not register projects" {
		t.Error(err)
	}
	if err := register(able.Text, "simple"); !errors.As(err, &no) || no.Status != http.StatusBadRequest {
		t.Error(err)
	}
	o.stop()
	if err := register(able.Text, "later"); err == nil || errors.As(err, &no) || !strings.Contains(err.Error(), "can't be reached") {
		t.Error(err)
	}
}

// Answers that are none, whoever gives them, are no decision and no success.
func TestRegisterAnswers(t *testing.T) {
	o := newOrigin(t)
	secret, keys := o.secretFile("berlin"), newReplica(t, o.url(), o.secretFile("paris")).keys
	for answer, want := range map[string]string{
		"404 ":                                 "answers 404",
		"503 busy":                             "answers 503 Service Unavailable busy",
		"401 ":                                 "does not accept this verifier",
		"302 ":                                 "answers 302",
		"200 <html>":                           "can't be read",
		"422 <html>":                           "can't be read",
		"200 {\"revision\": -1}":               "can't be read",
		"422 {\"status\":302,\"reason\":\"\"}": "did not register the project",
	} {
		status, body, _ := strings.Cut(answer, " ")
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			code := map[string]int{"200": 200, "302": 302, "401": 401, "404": 404, "422": 422, "503": 503}[status]
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		}))
		remote, err := replication.NewRemote(replication.RemoteConfig{URL: server.URL, SecretFile: secret})
		o.check(err)
		f := replication.New(replication.Config{Remote: remote, Store: keys})
		err = f.Register(t.Context(), "pypi-x", caveats.Request{Project: "new"}, "")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", answer, err)
		}
		server.Close()
	}
}
