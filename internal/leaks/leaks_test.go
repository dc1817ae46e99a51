package leaks

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// example is GitHub's published one.
type example struct {
	Identifier string `json:"key_identifier"`
	Key        string `json:"public_key_pem"`
	Signature  string `json:"signature_base64"`
	Payload    string `json:"payload"`
}

func readExample(t *testing.T) (e example) {
	t.Helper()
	b, err := os.ReadFile("testdata/secret-scanning.json")
	if err == nil {
		err = json.Unmarshal(b, &e)
	}
	if err != nil || e.Payload == "" {
		t.Fatalf("the example is %+v, %v", e, err)
	}
	return e
}

type entry struct {
	Identifier string `json:"key_identifier"`
	Key        string `json:"key"`
	Current    bool   `json:"is_current"`
}

func list(t *testing.T, entries ...entry) []byte {
	t.Helper()
	b, err := json.Marshal(map[string][]entry{"public_keys": entries})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// source is a list of keys that a test changes.
type source struct {
	list  []byte
	err   error
	calls int
	now   time.Time
}

func (s *source) load(context.Context) ([]byte, error) { s.calls++; return s.list, s.err }
func (s *source) keys() *Keys {
	return NewKeys(s.load, func() time.Time { return s.now })
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestGitHubsExample(t *testing.T) {
	e := readExample(t)
	k := (&source{list: list(t, entry{e.Identifier, e.Key, true}), now: noon}).keys()
	if err := k.Check(t.Context(), e.Identifier, e.Signature, []byte(e.Payload)); err != nil {
		t.Fatal(err)
	}
	for i := range e.Payload {
		flipped := []byte(e.Payload)
		flipped[i] ^= 1
		if err := k.Check(t.Context(), e.Identifier, e.Signature, flipped); !errors.Is(err, ErrSignature) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
	}
	raw, err := base64.StdEncoding.DecodeString(e.Signature)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		flipped := bytes.Clone(raw)
		flipped[i] ^= 1
		if err := k.Check(t.Context(), e.Identifier, base64.StdEncoding.EncodeToString(flipped), []byte(e.Payload)); !errors.Is(err, ErrSignature) {
			t.Fatalf("byte %d of the signature flipped: %v", i, err)
		}
	}
	for _, signature := range []string{"", "x", "====", e.Signature + "AAAA", strings.Repeat("A", 1000)} {
		if err := k.Check(t.Context(), e.Identifier, signature, []byte(e.Payload)); !errors.Is(err, ErrSignature) {
			t.Errorf("signature %.20q: %v", signature, err)
		}
	}
	reports, err := Parse([]byte(e.Payload))
	if err != nil || len(reports) != 1 || reports[0].Type != "github_oauth_token" || !strings.Contains(reports[0].URL, "production.env") {
		t.Errorf("reports %+v, %v", reports, err)
	}
}

func newKey(t *testing.T, curve elliptic.Curve) (*ecdsa.PrivateKey, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func sign(t *testing.T, key *ecdsa.PrivateKey, body string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	raw, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// A key that the scanner has given up signs nothing, and a new one is found.
func TestKeysComeAndGo(t *testing.T) {
	first, firstPEM := newKey(t, elliptic.P256())
	second, secondPEM := newKey(t, elliptic.P256())
	s := &source{list: list(t, entry{"1", firstPEM, true}), now: noon}
	k := s.keys()
	check := func(id string, key *ecdsa.PrivateKey) error {
		return k.Check(t.Context(), id, sign(t, key, "[]"), []byte("[]"))
	}
	is := func(what string, got, want error, calls int) {
		t.Helper()
		if !errors.Is(got, want) || want == nil && got != nil || s.calls != calls {
			t.Errorf("%s: %v after %d reads, want %v after %d", what, got, s.calls, want, calls)
		}
	}
	is("first", check("1", first), nil, 1)
	is("again", check("1", first), nil, 1)
	is("the other key under the first's name", check("1", second), ErrSignature, 1)
	for range 5 {
		is("unknown, at once", check("2", second), ErrKey, 1)
	}
	s.now = s.now.Add(pause)
	is("unknown, after a pause", check("2", second), ErrKey, 2)
	s.list = list(t, entry{"1", firstPEM, false}, entry{"2", secondPEM, true})
	s.now = s.now.Add(pause)
	is("the new one", check("2", second), nil, 3)
	is("the one that was given up", check("1", first), ErrKey, 3)
	s.err = errors.New("no network")
	s.now = s.now.Add(fresh + 1)
	is("old, and no list", check("2", second), nil, 4)
	s.now = s.now.Add(stale)
	is("too old", check("2", second), ErrUnavailable, 5)
	is("too old, at once", check("2", second), ErrUnavailable, 5)
	s.err, s.now = nil, s.now.Add(pause)
	is("back", check("2", second), nil, 6)
	s.list, s.now = []byte("{}"), s.now.Add(fresh+1)
	is("a list of none", check("2", second), nil, 7)
}

func TestListsThatAreNone(t *testing.T) {
	_, good := newKey(t, elliptic.P256())
	_, large := newKey(t, elliptic.P384())
	for name, l := range map[string][]byte{
		"nothing":      nil,
		"no JSON":      []byte("<html>"),
		"empty":        list(t),
		"no PEM":       list(t, entry{"1", "x", true}),
		"no key":       list(t, entry{"1", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", true}),
		"other curve":  list(t, entry{"1", large, true}),
		"no name":      list(t, entry{"", good, true}),
		"twice":        list(t, entry{"1", good, true}, entry{"1", good, true}),
		"too many":     list(t, make([]entry, maxKeys+1)...),
		"far too long": bytes.Repeat([]byte(" "), maxList+1),
	} {
		k := (&source{list: l, now: noon}).keys()
		if err := k.Key(t.Context(), "1"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsNoList(t *testing.T) {
	one := `{"token":"x","type":"t"}`
	for name, body := range map[string]string{
		"nothing": "", "null": "null", "object": one, "string entry": `["x"]`, "no token": `[{"type":"t"}]`, "no type": `[{"token":"x"}]`,
		"empty token": `[{"token":"","type":"t"}]`, "number": `[{"token":1,"type":"t"}]`, "two": "[] []", "cut": "[" + one,
		"too many": "[" + strings.Repeat(one+",", MaxReports) + one + "]", "too large": "[" + strings.Repeat(" ", MaxBody) + "]",
	} {
		if got, err := Parse([]byte(body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	full, err := Parse([]byte("[" + strings.Repeat(one+",", MaxReports-1) + one + "]"))
	if err != nil || len(full) != MaxReports {
		t.Errorf("%d reports, %v", len(full), err)
	}
	long, err := Parse([]byte(`[{"token":"x","type":"t","url":"` + strings.Repeat("ü", 5000) + `","source":"` + strings.Repeat("s", 100) + `","new":{}}]`))
	if err != nil || len([]rune(long[0].URL)) != MaxURL || len(long[0].Source) != MaxSource {
		t.Errorf("%+v, %v", long, err)
	}
	if none, err := Parse([]byte("[]")); err != nil || len(none) != 0 {
		t.Errorf("an empty list: %v, %v", none, err)
	}
}

func TestLoad(t *testing.T) {
	e := readExample(t)
	good := list(t, entry{e.Identifier, e.Key, true})
	path := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/keys":
			_, _ = w.Write(good)
		case "/moved":
			http.Redirect(w, r, "/keys", http.StatusFound)
		case "/endless":
			_, _ = w.Write(bytes.Repeat([]byte(" "), maxList+100))
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	for name, c := range map[string]struct {
		load Load
		want error
	}{
		"file":    {FromFile(path), nil},
		"no file": {FromFile(path + "x"), ErrUnavailable},
		"address": {FromURL(server.URL+"/keys", nil), nil},
		"moved":   {FromURL(server.URL+"/moved", nil), ErrUnavailable},
		"endless": {FromURL(server.URL+"/endless", nil), ErrUnavailable},
		"failing": {FromURL(server.URL+"/", nil), ErrUnavailable},
		"odd":     {FromURL("http://[", nil), ErrUnavailable},
	} {
		err := NewKeys(c.load, nil).Check(t.Context(), e.Identifier, e.Signature, []byte(e.Payload))
		if !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Who has a key that is fresh waits for nobody: neither for a list that is long in coming, nor for
// a lock that is held meanwhile.
func TestNobodyWaitsForAList(t *testing.T) {
	key, pem := newKey(t, elliptic.P256())
	s := &source{list: list(t, entry{"1", pem, true}), now: noon}
	hold, asked := make(chan struct{}), make(chan struct{})
	slow := false
	k := NewKeys(func(ctx context.Context) ([]byte, error) {
		if slow {
			close(asked)
			<-hold
		}
		return s.load(ctx)
	}, func() time.Time { return noon })
	body := "[]"
	if err := k.Check(t.Context(), "1", sign(t, key, body), []byte(body)); err != nil {
		t.Fatal(err)
	}
	slow = true
	k.tried = noon.Add(-pause)
	unknown := make(chan error, 1)
	go func() { unknown <- k.Key(t.Context(), "made up") }()
	<-asked
	if err := k.Check(t.Context(), "1", sign(t, key, body), []byte(body)); err != nil {
		t.Error(err)
	}
	close(hold)
	if err := <-unknown; !errors.Is(err, ErrKey) {
		t.Errorf("the one that is unknown: %v", err)
	}
}

// What can be no identifier and no signature is refused before anything is read.
func TestPrecheck(t *testing.T) {
	key, _ := newKey(t, elliptic.P256())
	good := sign(t, key, "[]")
	for _, c := range []struct {
		id, signature string
		want          error
	}{
		{"1", good, nil}, {"", good, ErrKey}, {strings.Repeat("a", 257), good, ErrKey}, {"a b", good, ErrKey}, {"a\n", good, ErrKey},
		{"1", "", ErrSignature}, {"1", "AAAA", ErrSignature}, {"1", strings.Repeat("A", 1<<20), ErrSignature}, {"1", "****", ErrSignature},
		{"1", base64.StdEncoding.EncodeToString(make([]byte, 70)), ErrSignature},
	} {
		if err := Precheck(c.id, c.signature); !errors.Is(err, c.want) {
			t.Errorf("%.20q %.20q: %v, want %v", c.id, c.signature, err, c.want)
		}
	}
}
