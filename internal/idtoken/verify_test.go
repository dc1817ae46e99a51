package idtoken_test

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/idtoken/idtest"
)

const audience = "packages.example.org"

// rig is a provider and a Set that knows it, with a clock.
type rig struct {
	*idtest.Provider
	set *idtoken.Set
	mu  sync.Mutex
	now time.Time
}

func newRig(t *testing.T, change ...func(*idtoken.Issuer)) *rig {
	t.Helper()
	r := &rig{Provider: idtest.New(t, ""), now: time.Unix(1_800_000_000, 0)}
	i := r.Issuer("ci", idtoken.KindGeneric)
	for _, c := range change {
		c(&i)
	}
	r.set = idtoken.New(idtoken.Config{Issuers: append(idtoken.BuiltIn(), i), Clock: r.clock})
	return r
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func anyIssuer(string) (bool, error) { return true, nil }

func (r *rig) verify(text string) (idtoken.Verified, error) {
	return r.set.Verify(context.Background(), text, audience, anyIssuer)
}

func (r *rig) good(t *testing.T) string { return r.Sign(t, idtest.Times(r.clock(), audience)) }

// codeOf returns the code of a refusal, "unavailable", or "" for no error.
func codeOf(t *testing.T, err error) string {
	t.Helper()
	var no *idtoken.Refusal
	switch {
	case err == nil:
		return ""
	case errors.As(err, &no):
		return no.Code
	case errors.Is(err, idtoken.ErrUnavailable):
		return "unavailable"
	}
	t.Fatal(err)
	return ""
}

func TestAlgorithms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA} {
		r.Rotate(t, alg)
		r.pass(2 * time.Minute)
		v, err := r.verify(r.good(t))
		if err != nil || v.Issuer.Name != "ci" || !v.HasID {
			t.Errorf("%s: %+v, %v", alg, v, err)
		}
	}
}

// Each change of good claims is refused, or not.
func TestClaims(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	now := r.clock().Unix()
	for name, c := range map[string]struct {
		change map[string]any // nil values delete
		code   string
		says   string
	}{
		"as it is":                        {nil, "", ""},
		"audience in a list of one":       {map[string]any{"aud": []string{audience}}, "", ""},
		"two audiences":                   {map[string]any{"aud": []string{audience, "pypi"}}, "invalid-token", "2 audiences"},
		"the same audience twice":         {map[string]any{"aud": []string{audience, audience}}, "invalid-token", "2 audiences"},
		"no audience":                     {map[string]any{"aud": nil}, "invalid-token", `expected "packages.example.org"`},
		"an empty list of audiences":      {map[string]any{"aud": []string{}}, "invalid-token", "audience"},
		"another audience":                {map[string]any{"aud": "pypi"}, "invalid-token", `got "pypi"`},
		"an audience in upper case":       {map[string]any{"aud": strings.ToUpper(audience)}, "invalid-token", "audience"},
		"an audience that is a number":    {map[string]any{"aud": 1}, "invalid-token", "audience"},
		"an audience that is an object":   {map[string]any{"aud": map[string]any{audience: 1}}, "invalid-token", "audience"},
		"a list of lists":                 {map[string]any{"aud": []any{[]any{audience}}}, "invalid-token", "audience"},
		"expired within the leeway":       {map[string]any{"iat": now - 300, "nbf": nil, "exp": now - 29}, "", ""},
		"expired at the leeway":           {map[string]any{"iat": now - 300, "nbf": nil, "exp": now - 30}, "invalid-token", "expired"},
		"no end":                          {map[string]any{"exp": nil}, "invalid-token", `"exp"`},
		"an end in words":                 {map[string]any{"exp": "tomorrow"}, "invalid-token", `"exp"`},
		"an end as text":                  {map[string]any{"exp": fmt.Sprint(now + 60)}, "invalid-token", `"exp"`},
		"an end with a fraction":          {map[string]any{"exp": float64(now) + 60.5}, "invalid-token", `"exp"`},
		"an end that overflows":           {map[string]any{"exp": json.Number("99999999999999999999")}, "invalid-token", `"exp"`},
		"an end far away":                 {map[string]any{"exp": json.Number("9223372036854775807")}, "invalid-token", `"exp"`},
		"a negative end":                  {map[string]any{"exp": -1}, "invalid-token", `"exp"`},
		"no beginning":                    {map[string]any{"iat": nil}, "invalid-token", `"iat"`},
		"issued within the leeway":        {map[string]any{"iat": now + 30, "nbf": now + 30}, "", ""},
		"issued in the future":            {map[string]any{"iat": now + 31}, "invalid-token", "future"},
		"not yet valid":                   {map[string]any{"nbf": now + 31}, "invalid-token", "not valid before"},
		"nbf that is null":                {map[string]any{"nbf": json.RawMessage("null")}, "invalid-token", `"nbf"`},
		"nbf that is true":                {map[string]any{"nbf": true}, "invalid-token", `"nbf"`},
		"ends before it begins":           {map[string]any{"iat": now + 20, "nbf": nil, "exp": now + 10}, "invalid-token", "before it was issued"},
		"lives for a year":                {map[string]any{"exp": now + 365*86400}, "invalid-token", "lives for"},
		"a jti that is a number":          {map[string]any{"jti": 1}, "invalid-token", `"jti"`},
		"an empty jti":                    {map[string]any{"jti": ""}, "invalid-token", `"jti"`},
		"no jti":                          {map[string]any{"jti": nil}, "", ""},
		"no issuer":                       {map[string]any{"iss": json.RawMessage("null")}, "invalid-payload", "no issuer"},
		"an issuer that is a list":        {map[string]any{"iss": []string{r.URL}}, "invalid-payload", "no issuer"},
		"an issuer with a trailing slash": {map[string]any{"iss": r.URL + "/"}, "invalid-payload", "no publisher"},
		"an issuer in upper case":         {map[string]any{"iss": strings.ToUpper(r.URL)}, "invalid-payload", "no publisher"},
		"an issuer with a user":           {map[string]any{"iss": strings.Replace(r.URL, "https://", "https://x@", 1)}, "invalid-payload", "no publisher"},
		"an issuer with a dot":            {map[string]any{"iss": r.URL + "/."}, "invalid-payload", "no publisher"},
		"an issuer with a query":          {map[string]any{"iss": r.URL + "?"}, "invalid-payload", "no publisher"},
		"an unknown issuer":               {map[string]any{"iss": "https://evil.example"}, "invalid-payload", "no publisher"},
		"CircleCI without organization":   {map[string]any{"iss": "https://oidc.circleci.com/org/"}, "invalid-payload", "no publisher"},
		"CircleCI with a path":            {map[string]any{"iss": "https://oidc.circleci.com/org/../x"}, "invalid-payload", "no publisher"},
		"claims that nobody knows":        {map[string]any{"x": map[string]any{"y": []any{1, nil, true}}}, "", ""},
	} {
		claims := idtest.Times(r.clock(), audience)
		maps.Copy(claims, c.change)
		for k, v := range claims {
			if v == nil {
				delete(claims, k)
			}
		}
		_, err := r.verify(r.Sign(t, claims))
		if got := codeOf(t, err); got != c.code || c.says != "" && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %s, %q", name, err, c.code, c.says)
		}
	}
}

func encoded(v string) string { return base64.RawURLEncoding.EncodeToString([]byte(v)) }

// What is no JWT, or one whose JSON two readers could read in two ways.
func TestForms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	good := r.good(t)
	parts := strings.Split(good, ".")
	twice := fmt.Sprintf(`{"iss":"https://evil.example","iss":%q,"aud":%q,"exp":%d,"iat":%d,"jti":"1"}`, r.URL, audience, r.clock().Unix()+60, r.clock().Unix())
	for name, text := range map[string]string{
		"empty":                     "",
		"a word":                    "x",
		"two parts":                 parts[0] + "." + parts[1],
		"four parts":                good + ".x",
		"padding":                   parts[0] + "=." + parts[1] + "." + parts[2],
		"a line end":                parts[0][:4] + "\n" + parts[0][4:] + "." + parts[1] + "." + parts[2],
		"white space before":        " " + good,
		"too long":                  parts[0] + "." + parts[1] + "." + strings.Repeat("A", idtoken.MaxText),
		"a list":                    encoded(`{"alg":"RS256","kid":"x"}`) + "." + encoded(`[]`) + ".AA",
		"no JSON":                   encoded(`{"alg":"RS256","kid":"x"}`) + "." + encoded(`{"iss":`) + ".AA",
		"something behind":          encoded(`{"alg":"RS256","kid":"x"}`) + "." + encoded(`{} {}`) + ".AA",
		"not UTF-8":                 encoded(`{"alg":"RS256","kid":"x"}`) + "." + encoded("{\"iss\":\"\xff\"}") + ".AA",
		"deep":                      encoded(`{"alg":"RS256","kid":"x"}`) + "." + encoded(`{"a":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+"}") + ".AA",
		"a claim twice":             r.SignRaw(t, []byte(twice)),
		"a name twice in an object": encoded(`{"alg":"RS256","kid":"x","jwk":{"a":1,"a":2}}`) + "." + parts[1] + ".AA",
	} {
		_, err := r.verify(text)
		if codeOf(t, err) != idtoken.CodePayload {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r.Fetches() != 0 {
		t.Errorf("keys were fetched %d times for what is no token", r.Fetches())
	}
}

// Headers that have led other verifiers astray.
func TestHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	good := r.good(t)
	if _, err := r.verify(good); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	kid := r.Key().KeyID
	signing := r.Key()
	public := signing.Public()
	jwk, _ := json.Marshal(public)
	pub := public.Key.(*rsa.PublicKey)
	hmacKey, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: pub.N.Bytes()}, (&jose.SignerOptions{}).WithHeader("kid", kid))
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	signed, err := hmacKey.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	confused, _ := signed.CompactSerialize()
	head := func(h string) string { return encoded(h) + "." + parts[1] + "." + parts[2] }
	for name, text := range map[string]string{
		"none":                              encoded(`{"alg":"none","kid":"`+kid+`"}`) + "." + parts[1] + ".",
		"None":                              encoded(`{"alg":"None","kid":"`+kid+`"}`) + "." + parts[1] + ".",
		"HS256 with the public key":         confused,
		"no algorithm":                      head(`{"kid":"` + kid + `"}`),
		"an algorithm in a list":            head(`{"alg":["RS256"],"kid":"` + kid + `"}`),
		"RS512":                             head(`{"alg":"RS512","kid":"` + kid + `"}`),
		"PS256":                             head(`{"alg":"PS256","kid":"` + kid + `"}`),
		"ES256 with the RSA key":            head(`{"alg":"ES256","kid":"` + kid + `"}`),
		"no kid":                            head(`{"alg":"RS256"}`),
		"an empty kid":                      head(`{"alg":"RS256","kid":""}`),
		"a kid that is a number":            head(`{"alg":"RS256","kid":1}`),
		"a kid without end":                 head(`{"alg":"RS256","kid":"` + strings.Repeat("k", 600) + `"}`),
		"another kid":                       head(`{"alg":"RS256","kid":"../../etc/passwd"}`),
		"crit":                              head(`{"alg":"RS256","kid":"` + kid + `","crit":["exp"]}`),
		"a key of its own":                  head(`{"alg":"RS256","kid":"own","jwk":` + string(jwk) + `}`),
		"an address of keys":                head(`{"alg":"RS256","kid":"own","jku":"` + r.URL + `/keys"}`),
		"a header that was changed":         head(`{"alg":"RS256","kid":"` + kid + `","typ":"JWT","x":1}`),
		"an empty signature":                parts[0] + "." + parts[1] + ".",
		"the signature of another":          parts[0] + "." + parts[1] + "." + strings.Split(r.good(t), ".")[2],
		"claims that were changed":          parts[0] + "." + encoded(strings.Replace(string(payload), audience, "packages.example.orh", 1)) + "." + parts[2],
		"a payload that is not in the text": encoded(`{"alg":"RS256","kid":"`+kid+`","b64":false,"crit":["b64"]}`) + "." + parts[1] + "." + parts[2],
	} {
		_, err := r.verify(text)
		if codeOf(t, err) != idtoken.CodeToken {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := r.Fetches(); n != 1 {
		t.Errorf("the keys were fetched %d times within a minute", n)
	}
}

// One token has one mark, however it is written; two tokens have two.
func TestMarks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	claims := idtest.Times(r.clock(), audience)
	delete(claims, "jti")
	r.Rotate(t, jose.ES256)
	a, err := r.verify(r.Sign(t, claims))
	b, berr := r.verify(r.Sign(t, claims)) // another signature of the same claims
	if err != nil || berr != nil || a.Mark != b.Mark || a.HasID {
		t.Errorf("%v %v: one token has the marks %x and %x", err, berr, a.Mark, b.Mark)
	}
	claims["x"] = "y"
	if c, err := r.verify(r.Sign(t, claims)); err != nil || c.Mark == a.Mark {
		t.Errorf("two tokens have one mark, %v", err)
	}
	claims["jti"] = "1"
	d, _ := r.verify(r.Sign(t, claims))
	claims["x"] = "z"
	if e, err := r.verify(r.Sign(t, claims)); err != nil || e.Mark != d.Mark || !e.HasID {
		t.Errorf("one jti has two marks, %v", err)
	}
}
