package publishers_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/idtoken/idtest"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/publishers"
)

// An administrator adds an issuer with its own CA on a private address, a publisher names it, and its jobs upload; removed, they get no
// token any more. Nobody else may, and a browser names no file of the server.
func TestAddedIssuers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Project(alice, "demo")
	ctx := h.Context()
	admin := carol
	admin.Admin = true
	ci := idtest.New(t, "/api/actions")
	ca, err := os.ReadFile(ci.CAFile)
	h.Check(err)
	good := idtoken.Issuer{Name: "forge", URL: ci.URL, Kind: idtoken.KindGitHub, CA: string(ca), PrivateAddresses: true}
	add := func(p ledger.Principal, i idtoken.Issuer) func() error {
		return func() error { return h.Publishers.AddIssuer(ctx, p, i) }
	}
	h.Refused(ledger.ErrNotFound, add(alice, good))
	for _, c := range []struct {
		change func(*idtoken.Issuer)
		want   string
	}{
		{func(i *idtoken.Issuer) { i.Name = "Our" }, "name: issuer_invalid"},
		{func(i *idtoken.Issuer) { i.URL = "http://x" }, "url: issuer_invalid"},
		{func(i *idtoken.Issuer) { i.Kind = idtoken.KindCircleCI }, "kind: issuer_invalid"},
		{func(i *idtoken.Issuer) { i.CA = "x" }, "ca: issuer_invalid"},
		{func(i *idtoken.Issuer) { i.JWKSURL = "x" }, "keys_url: issuer_invalid"},
		{func(i *idtoken.Issuer) { i.JWKS, i.CA, i.PrivateAddresses = "{}", "", false }, "keys: issuer_invalid"},
		{func(i *idtoken.Issuer) { i.JWKS = strings.Repeat("x", 40_000) }, "keys: issuer_too_long"},
		{func(i *idtoken.Issuer) { i.Name = "github" }, "name: issuer_taken"},
		{func(i *idtoken.Issuer) { i.URL = "https://gitlab.com" }, "name: issuer_taken"},
		{func(i *idtoken.Issuer) { i.URL = "https://oidc.circleci.com" }, "name: issuer_taken"},
		{func(i *idtoken.Issuer) { i.URL = "https://oidc.circleci.com/org/11111111-2222-4333-8444-555555555555" }, "name: issuer_taken"},
	} {
		i := good
		c.change(&i)
		h.Refused(c.want, add(admin, i))
	}
	secret := good
	secret.CAFile, secret.JWKSFile = "/etc/shadow", "/etc/shadow"
	h.Wrote(nil, add(admin, secret), "ci_system.added - -")
	h.Refused("name: issuer_taken", add(admin, good))
	all, err := h.Publishers.AddedIssuers(ctx, admin)
	if err != nil || len(all) != 1 || all[0].CAFile != "" || all[0].JWKSFile != "" || all[0].Use.Publishers != 0 {
		t.Fatalf("%+v %v", all, err)
	}
	if _, err := h.Publishers.AddedIssuers(ctx, alice); !errors.Is(err, ledger.ErrNotFound) {
		t.Error(err)
	}
	rules := publishers.Rules{Issuer: ci.URL, Repository: "octo/demo", Workflow: "release.yml"}
	h.add(rules)
	_, err = h.exchange(ci.Sign(t, h.hubClaims(nil)))
	h.Check(err)
	_, err = h.Publishers.AddPending(ctx, alice, "next", rules)
	h.Check(err)
	used, err := h.Publishers.AddedIssuer(ctx, admin, "forge")
	if err != nil || used.Use.Publishers != 1 || used.Use.Pending != 1 || !slices.Equal(used.Use.Projects, []string{"demo"}) {
		t.Errorf("%+v %v", used.Use, err)
	}
	for _, no := range []func() (publishers.AddedIssuer, error){
		func() (publishers.AddedIssuer, error) { return h.Publishers.AddedIssuer(ctx, alice, "forge") },
		func() (publishers.AddedIssuer, error) { return h.Publishers.AddedIssuer(ctx, admin, "github") },
	} {
		if got, err := no(); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("%+v %v", got, err)
		}
	}
	all, err = h.Publishers.AddedIssuers(ctx, admin)
	if err != nil || len(all) != 1 || all[0].Use.Publishers == 0 {
		t.Errorf("%+v %v", all, err)
	}
	h.Refused(ledger.ErrNotFound, func() error { return h.Publishers.RemoveIssuer(ctx, alice, "forge") })
	h.Refused(ledger.ErrNotFound, func() error { return h.Publishers.RemoveIssuer(ctx, admin, "github") })
	h.Wrote(nil, func() error { return h.Publishers.RemoveIssuer(ctx, admin, "forge") }, "ci_system.removed - -")
	_, err = h.exchange(ci.Sign(t, h.hubClaims(nil)))
	h.refusedFor(err, idtoken.CodePayload, "")
	// With its keys in the form, nothing is fetched.
	fetches := ci.Fetches()
	h.Check(add(admin, idtoken.Issuer{Name: "forge", URL: ci.URL, Kind: idtoken.KindGitHub, JWKS: string(ci.JWKS())})())
	_, err = h.exchange(ci.Sign(t, h.hubClaims(nil)))
	h.Check(err)
	if n := ci.Fetches(); n != fetches {
		t.Errorf("%d fetches", n-fetches)
	}
}
