package idtoken_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/idtoken/idtest"
)

// Clients in jobs of CircleCI ask for a token of the one issuer that signs for all organizations: it counts as one of the organization that it names, and of
// no other.
func TestTokenOfRoot(t *testing.T) {
	t.Parallel()
	const org, other = "11111111-2222-4333-8444-555555555555", "66666666-2222-4333-8444-555555555555"
	const of = "https://oidc.circleci.com/org/"
	p, stranger := idtest.New(t, ""), idtest.New(t, "")
	for _, one := range []*idtest.Provider{p, stranger} {
		one.Rotate(t, jose.ES256) // keys of their own with the same name
	}
	now := time.Unix(1_800_000_000, 0)
	i := p.Issuer("circleci", idtoken.KindCircleCI)
	i.JWKSURL = p.URL + "/keys"
	set := idtoken.New(idtoken.Config{Issuers: []idtoken.Issuer{idtoken.OfRoot(i)}, Clock: func() time.Time { return now }})
	var asked []string
	verify := func(by *idtest.Provider, organization any) (idtoken.Verified, error) {
		claims := idtest.Times(now, audience)
		claims["iss"], claims["oidc.circleci.com/org-id"] = p.URL, organization
		asked = nil
		return set.Verify(context.Background(), by.Sign(t, claims), audience, func(url string) (bool, error) {
			asked = append(asked, url)
			return url == of+org, nil
		})
	}
	v, err := verify(p, org)
	if err != nil || v.Issuer.URL != of+org || v.Issuer.Kind != idtoken.KindCircleCI || !slices.Equal(asked, []string{of + org}) {
		t.Errorf("%+v, %v, asked %q", v.Issuer, err, asked)
	}
	for _, no := range []any{other, "", nil, 7, org + "/", "../x"} {
		if v, err := verify(p, no); codeOf(t, err) != idtoken.CodePayload {
			t.Errorf("%v: %+v, %v", no, v.Issuer, err)
		}
	}
	if v, err := verify(stranger, org); codeOf(t, err) != idtoken.CodeToken {
		t.Errorf("%+v, %v", v.Issuer, err)
	}
	set.Refresh(context.Background(), nil)
	if set.State(p.URL).Keys != 0 {
		t.Error("keys stay of which no publisher needs any")
	}
	set.Refresh(context.Background(), []string{of + org})
	if set.State(p.URL).Keys == 0 {
		t.Error("the keys are not fetched ahead of need")
	}
}
