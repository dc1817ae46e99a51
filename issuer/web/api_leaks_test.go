package web

import (
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
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/leaks"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

// scanner reports leaked tokens.
type scanner struct {
	*person
	key  *ecdsa.PrivateKey
	list map[string]any
	down error
}

// newScanner makes a house that believes a scanner, and the scanner.
func newScanner(t *testing.T) (*house, *scanner) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &scanner{key: key}
	h := newHouse(t, func(h *house) {
		h.leaks = leaks.NewKeys(func(context.Context) ([]byte, error) {
			b, err := json.Marshal(s.list)
			return b, errors.Join(err, s.down)
		}, h.clock.Now)
	})
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	h.must(err)
	s.believed("1", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), true)
	s.person = h.visitor("scanner")
	return h, s
}

// believed makes a key the one of the list.
func (s *scanner) believed(id string, key []byte, current bool) {
	s.list = map[string]any{"public_keys": []map[string]any{{"key_identifier": id, "key": string(key), "is_current": current}}}
}

// report sends a body, signed; change comes before it is sent.
func (s *scanner) report(body string, change ...func(*http.Request)) page {
	s.Helper()
	sum := sha256.Sum256([]byte(body))
	signature, err := ecdsa.SignASN1(rand.Reader, s.key, sum[:])
	s.must(err)
	return s.deliver("1", base64.StdEncoding.EncodeToString(signature), body, change...)
}

func (s *scanner) deliver(key, signature, body string, change ...func(*http.Request)) page {
	s.Helper()
	r := s.request("POST", pathLeaks, "application/json", body)
	r.Header.Set(headerLeakKey, key)
	r.Header.Set(headerLeakSignature, signature)
	r.Header.Set("Sec-Fetch-Site", "none")
	for _, c := range change {
		c(r)
	}
	return s.send(r)
}

const foundAt = "https://git.example.org/a/b/blob/c/.env"

func found(tokens ...string) string {
	var list []map[string]string
	for _, t := range tokens {
		list = append(list, map[string]string{"token": t, "type": "rind_api_token", "url": foundAt, "source": "content"})
	}
	b, _ := json.Marshal(list) // of texts, never fails
	return string(b)
}

func (h *house) stateOf(id string) tokens.State {
	h.Helper()
	t, err := h.issuer.Tokens.Get(h.Context(), ledger.Principal{Admin: true}, id)
	h.must(err)
	return t.State
}

func TestLeakedTokensEnd(t *testing.T) {
	h, s := newScanner(t)
	ada := h.founder("ada")
	first, firstID := ada.mint("in a repository")
	second, secondID := ada.mint("in another one")
	third, thirdID := ada.mint("kept")
	parsed, err := token.Parse(third)
	h.must(err)
	parsed.Signature[7] ^= 1
	copied, err := parsed.Text()
	h.must(err)
	for range 2 { // scanners report again what they find again
		s.report(found(first, "pypi-x", copied, second, parsed.ID)).is(http.StatusNoContent, "")
	}
	if a, b, c := h.stateOf(firstID), h.stateOf(secondID), h.stateOf(thirdID); a != tokens.StateRevoked || b != tokens.StateRevoked || c != tokens.StateActive {
		t.Errorf("states %s, %s, %s", a, b, c)
	}
	if e := h.last(); e.Kind != "token.leaked" || e.Detail["token"] != secondID || e.Detail["url"] != foundAt || e.Actor.IP == "" {
		t.Errorf("row %+v", e)
	}
	for _, label := range []string{"in a repository", "in another one"} {
		mails := h.about("ada@example.org", "leaked and was revoked: "+label)
		if len(mails) != 1 || !strings.Contains(mails[0], "\n  "+foundAt+"\n") {
			t.Errorf("mails about %s: %q", label, mails)
		}
	}
	if log := h.log.String(); strings.Contains(log, first[:60]) || strings.Contains(log, copied[:60]) {
		t.Error("a token is in the log")
	}
	ada.get("/account").says("found your token “in a repository” at " + foundAt + ", and it was revoked")
}

// What is not signed by the scanner's key of today revokes nothing.
func TestReportsThatAreRefused(t *testing.T) {
	h, s := newScanner(t)
	ada := h.founder("ada")
	text, _ := ada.mint("ci")
	body := found(text)
	sum := sha256.Sum256([]byte(body))
	raw, err := ecdsa.SignASN1(rand.Reader, s.key, sum[:])
	h.must(err)
	signature := base64.StdEncoding.EncodeToString(raw)
	before := h.state()
	flipped := []byte(body)
	flipped[len(flipped)-3] ^= 1
	for name, c := range map[string]struct {
		key, signature, body string
		status               int
	}{
		"flipped byte":     {"1", signature, string(flipped), http.StatusBadRequest},
		"other body":       {"1", signature, body + " ", http.StatusBadRequest},
		"other key":        {"2", signature, body, http.StatusBadRequest},
		"no base64":        {"1", "!", body, http.StatusBadRequest},
		"cut signature":    {"1", signature[:len(signature)-4], body, http.StatusBadRequest},
		"no key":           {"", signature, body, http.StatusNotFound},
		"no signature":     {"1", "", body, http.StatusNotFound},
		"far too large":    {"1", signature, strings.Repeat(" ", leaks.MaxBody+1), http.StatusRequestEntityTooLarge},
		"nothing in it":    {"1", signature, "", http.StatusBadRequest},
		"unsigned as form": {"1", "token=" + text, body, http.StatusBadRequest},
	} {
		if got := s.deliver(c.key, c.signature, c.body); got.status != c.status {
			t.Errorf("%s: %d, want %d", name, got.status, c.status)
		}
	}
	for name, signed := range map[string]string{"no list": `{"token":"x"}`, "too many": found(make([]string, leaks.MaxReports+1)...)} {
		if got := s.report(signed); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	if d := changed(before, h.state()); len(d) > 0 {
		t.Errorf("changed %q", d)
	}
}

func TestAScannersKeyOfYesterday(t *testing.T) {
	h, s := newScanner(t)
	ada := h.founder("ada")
	text, id := ada.mint("ci")
	s.report("[]").is(http.StatusNoContent, "")
	key := s.list
	s.believed("1", []byte(key["public_keys"].([]map[string]any)[0]["key"].(string)), false)
	h.clock.pass(2 * time.Hour)
	s.report(found(text)).is(http.StatusBadRequest, "") // given up
	s.list, s.down = key, errors.New("no network")
	h.clock.pass(48 * time.Hour)
	if got := s.report(found(text)).is(http.StatusServiceUnavailable, ""); got.header.Get("Retry-After") == "" {
		t.Error("no word of when to come again")
	}
	if h.stateOf(id) != tokens.StateActive {
		t.Error("the token was revoked")
	}
	s.down = nil
	h.clock.pass(time.Hour)
	h.store.breaks(always, false)
	s.report(found(text)).is(http.StatusServiceUnavailable, "")
	h.store.breaks(nil, false)
	s.report(found(text)).is(http.StatusNoContent, "")
	if h.stateOf(id) != tokens.StateRevoked {
		t.Error("the token was not revoked")
	}
}

// GitHub's published example is taken, byte for byte.
func TestGitHubsExampleIsTaken(t *testing.T) {
	h, s := newScanner(t)
	b, err := os.ReadFile("../../internal/leaks/testdata/secret-scanning.json")
	h.must(err)
	var e struct {
		Key       string `json:"public_key_pem"`
		ID        string `json:"key_identifier"`
		Signature string `json:"signature_base64"`
		Payload   string `json:"payload"`
	}
	h.must(json.Unmarshal(b, &e))
	s.believed(e.ID, []byte(e.Key), true)
	s.deliver(e.ID, e.Signature, e.Payload).is(http.StatusNoContent, "")
	s.deliver(e.ID, e.Signature, strings.Replace(e.Payload, "cb49", "cb48", 1)).is(http.StatusBadRequest, "")
}
