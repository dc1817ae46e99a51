package idtoken_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/idtoken/idtest"
)

func TestNothingIsFetchedOfAnIssuerThatNoPublisherNames(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, err := r.set.Verify(context.Background(), r.good(t), audience, func(string) (bool, error) { return false, nil })
	if codeOf(t, err) != idtoken.CodePayload || r.Fetches() != 0 {
		t.Errorf("%v, %d fetches", err, r.Fetches())
	}
	r.set.Refresh(context.Background(), nil)
	if r.Fetches() != 0 {
		t.Errorf("%d fetches", r.Fetches())
	}
	broken := errors.New("the store is broken")
	if _, err := r.set.Verify(context.Background(), r.good(t), audience, func(string) (bool, error) { return false, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestKeysAreFetchedAheadAndKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	named := []string{r.URL}
	r.set.Refresh(context.Background(), named)
	if r.Fetches() != 1 || r.set.State(r.URL).Keys != 1 {
		t.Fatalf("%d fetches, %+v", r.Fetches(), r.set.State(r.URL))
	}
	r.Answer(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusBadGateway) })
	r.pass(idtoken.RefreshAfter)
	old := r.good(t)
	r.set.Refresh(context.Background(), named)
	if s := r.set.State(r.URL); s.Failed == nil || s.Keys != 1 || r.Fetches() != 2 {
		t.Fatalf("%+v, %d fetches", s, r.Fetches())
	}
	if _, err := r.verify(old); err != nil {
		t.Errorf("with the issuer down: %v", err)
	}
	r.pass(idtoken.KeepKeys)
	if _, err := r.verify(r.good(t)); codeOf(t, err) != "unavailable" {
		t.Errorf("with keys of a day ago: %v", err)
	}
	r.Answer(nil)
	r.Rotate(t, jose.ES256)
	r.pass(time.Minute)
	if _, err := r.verify(r.good(t)); err != nil {
		t.Errorf("with the issuer up again: %v", err)
	}
	r.pass(idtoken.RefreshAfter)
	r.set.Refresh(context.Background(), named)
	if _, err := r.verify(old); err == nil {
		t.Error("a key that the issuer withdrew still counts")
	}
	r.set.Refresh(context.Background(), nil)
	if s := r.set.State(r.URL); s.Keys != 0 {
		t.Errorf("keys of an issuer that no publisher names any more: %+v", s)
	}
}

// Whoever sends many names of keys causes one fetch a minute.
func TestKidFlood(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.verify(r.good(t)); err != nil {
		t.Fatal(err)
	}
	r.pass(2 * time.Minute)
	parts := strings.Split(r.good(t), ".")
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			_, _ = r.verify(encoded(fmt.Sprintf(`{"alg":"RS256","kid":"flood-%d"}`, i)) + "." + parts[1] + "." + parts[2])
		})
	}
	all.Wait()
	if n := r.Fetches(); n != 2 {
		t.Errorf("the keys were fetched %d times", n)
	}
	if _, err := r.verify(r.good(t)); err != nil {
		t.Errorf("after the flood: %v", err)
	}
}

// Answers that lie, or do not end.
func TestLyingServers(t *testing.T) {
	t.Parallel()
	elsewhere := idtest.New(t, "")
	public := func(r *rig, change func(map[string]any)) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			var set map[string][]map[string]any
			_ = json.Unmarshal(r.JWKS(), &set)
			change(set["keys"][0])
			_ = json.NewEncoder(w).Encode(set)
		}
	}
	for name, lie := range map[string]func(*rig){
		"an error": func(r *rig) {
			r.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); _, _ = w.Write(r.JWKS()) })
		},
		"a redirect": func(r *rig) { r.Answer(http.RedirectHandler(elsewhere.URL+"/keys", http.StatusFound).ServeHTTP) },
		"a redirect to http": func(r *rig) {
			r.Answer(http.RedirectHandler("http://127.0.0.1:1/keys", http.StatusMovedPermanently).ServeHTTP)
		},
		"no JSON":      func(r *rig) { r.Answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }) },
		"an empty set": func(r *rig) { r.Answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":[]}`) }) },
		"endless": func(r *rig) {
			r.Answer(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, `{"keys":[],"x":"`+strings.Repeat("a", 1<<20))
			})
		},
		"many keys": func(r *rig) {
			r.Answer(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, `{"keys":[`+strings.Repeat("{},", 200)+"{}]}")
			})
		},
		"for encryption": func(r *rig) { r.Answer(public(r, func(k map[string]any) { k["use"] = "enc" })) },
		"for RS512":      func(r *rig) { r.Answer(public(r, func(k map[string]any) { k["alg"] = "RS512" })) },
		"without a name": func(r *rig) { r.Answer(public(r, func(k map[string]any) { delete(k, "kid") })) },
		"a short key": func(r *rig) {
			r.Answer(public(r, func(k map[string]any) { k["n"] = encoded(strings.Repeat("\xff", 128)) }))
		},
		"a symmetric key": func(r *rig) {
			r.Answer(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, `{"keys":[{"kty":"oct","kid":%q,"k":"AAAA"}]}`, r.Key().KeyID)
			})
		},
		"another issuer": func(r *rig) { r.Discovery(func(d map[string]any) { d["issuer"] = elsewhere.URL }) },
		"a slash more":   func(r *rig) { r.Discovery(func(d map[string]any) { d["issuer"] = r.URL + "/" }) },
		"keys over http": func(r *rig) { r.Discovery(func(d map[string]any) { d["jwks_uri"] = "http://127.0.0.1/keys" }) },
		"keys in a file": func(r *rig) { r.Discovery(func(d map[string]any) { d["jwks_uri"] = "file:///etc/passwd" }) },
		"no keys":        func(r *rig) { r.Discovery(func(d map[string]any) { delete(d, "jwks_uri") }) },
		"only HS256": func(r *rig) {
			r.Discovery(func(d map[string]any) { d["id_token_signing_alg_values_supported"] = []string{"HS256", "none"} })
		},
		"algorithms in words": func(r *rig) {
			r.Discovery(func(d map[string]any) { d["id_token_signing_alg_values_supported"] = []any{1} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			lie(r)
			if _, err := r.verify(r.good(t)); codeOf(t, err) != "unavailable" {
				t.Error(err)
			}
		})
	}
	if elsewhere.Fetches() != 0 {
		t.Error("a redirect was followed")
	}
}

// The issuer's discovery document decides which of the accepted algorithms its keys may have.
func TestDiscoveryNarrowsAlgorithms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Discovery(func(d map[string]any) { d["id_token_signing_alg_values_supported"] = []string{"ES256"} })
	if _, err := r.verify(r.good(t)); codeOf(t, err) != "unavailable" {
		t.Error(err)
	}
}

// A slow server doesn't hold the exchange longer than its clients wait, and its answer is had once.
func TestSlowServer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	end := make(chan struct{})
	r.Answer(func(_ http.ResponseWriter, q *http.Request) {
		select {
		case <-end:
		case <-q.Context().Done():
		}
	})
	t.Cleanup(func() { close(end) })
	begun := time.Now()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := r.verify(r.good(t)); codeOf(t, err) != "unavailable" {
				t.Error(err)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.set.Verify(ctx, r.good(t), audience, anyIssuer); codeOf(t, err) != "unavailable" {
		t.Error(err)
	}
	all.Wait()
	if took := time.Since(begun); took > 30*time.Second || r.Fetches() != 1 {
		t.Errorf("%s, %d fetches", took, r.Fetches())
	}
}

func TestPrivateAddressesNeedPermission(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(i *idtoken.Issuer) { i.PrivateAddresses = false })
	_, err := r.verify(r.good(t))
	if codeOf(t, err) != "unavailable" || !strings.Contains(err.Error(), "private-addresses") || r.Fetches() != 0 {
		t.Errorf("%v, %d fetches", err, r.Fetches())
	}
}

// The certificates of the system do not count for an issuer that has its own CA, nor the other way round.
func TestCertificates(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*idtoken.Issuer){
		"unknown CA": func(i *idtoken.Issuer) { i.CAFile = "" },
		"no file":    func(i *idtoken.Issuer) { i.CAFile = filepath.Join(t.TempDir(), "none.pem") },
		"no PEM": func(i *idtoken.Issuer) {
			i.CAFile = filepath.Join(t.TempDir(), "x.pem")
			_ = os.WriteFile(i.CAFile, []byte("x"), 0o600)
		},
	} {
		r := newRig(t, change)
		if _, err := r.verify(r.good(t)); codeOf(t, err) != "unavailable" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysInAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keys.json")
	r := newRig(t, func(i *idtoken.Issuer) { i.JWKSFile = file })
	if _, err := r.verify(r.good(t)); codeOf(t, err) != "unavailable" {
		t.Error(err)
	}
	if err := os.WriteFile(file, r.JWKS(), 0o600); err != nil {
		t.Fatal(err)
	}
	r.pass(time.Minute)
	if _, err := r.verify(r.good(t)); err != nil || r.Fetches() != 0 {
		t.Errorf("%v, %d fetches", err, r.Fetches())
	}
}

func TestKeysAtAnAddress(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(i *idtoken.Issuer) { i.JWKSURL = i.URL + "/keys" })
	r.Discovery(func(d map[string]any) { d["issuer"] = "https://evil.example" }) // nobody reads it
	if _, err := r.verify(r.good(t)); err != nil {
		t.Error(err)
	}
}

// The tokens of one issuer are not another's, though both have a key of the same name.
func TestIssuersAreApart(t *testing.T) {
	t.Parallel()
	r, other := newRig(t), idtest.New(t, "")
	other.Rotate(t, jose.RS256) // the two have RSA keys of their own
	if r.Key().KeyID == other.Key().KeyID {
		r.Rotate(t, jose.ES256)
	}
	claims := idtest.Times(r.clock(), audience)
	claims["iss"] = r.URL
	if _, err := r.verify(other.Sign(t, claims)); codeOf(t, err) != idtoken.CodeToken {
		t.Error(err)
	}
}

func BenchmarkVerify(b *testing.B) {
	p := idtest.New(b, "")
	now := time.Now()
	set := idtoken.New(idtoken.Config{Issuers: []idtoken.Issuer{p.Issuer("ci", idtoken.KindGeneric)}})
	text := p.Sign(b, idtest.Times(now, audience))
	for b.Loop() {
		if _, err := set.Verify(context.Background(), text, audience, anyIssuer); err != nil {
			b.Fatal(err)
		}
	}
}
