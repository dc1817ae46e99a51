package publishers_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/idtoken/idtest"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/issuertest"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/publishers"
	"github.com/rind-dev/rind/verifier"
)

// mistake is a try at one mistake that others made: a project of its own, whose publisher is for a repository of the same name.
type mistake struct {
	*house
	t    *testing.T
	v    *issuertest.Verifying
	name string
	id   string // of the publisher
}

// claims are those of a job of the repository, with changes.
func (m mistake) claims(changes map[string]any) map[string]any {
	w := "octo/" + m.name + "/.github/workflows/release.yml@refs/tags/v1.2.3"
	return changed(m.hubClaims(map[string]any{"repository": "octo/" + m.name, "repository_id": m.name, "workflow_ref": w, "job_workflow_ref": w}), changes)
}

func (m mistake) sign(changes map[string]any) string { return m.github.Sign(m.t, m.claims(changes)) }

// mint exchanges a good token.
func (m mistake) mint() publishers.Answer {
	m.t.Helper()
	a, err := m.exchange(m.sign(nil))
	if err != nil {
		m.t.Fatal(err)
	}
	return a
}

// headed is a good token whose header is another one.
func (m mistake) headed(header string) string {
	_, rest, _ := strings.Cut(m.sign(nil), ".")
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + rest
}

// Mistakes that were made elsewhere, each by its name.
func TestMistakesOfOthers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	v := h.Follow()
	h.Project(alice, "apart")
	for i, c := range []struct {
		name string
		try  func(mistake)
	}{
		{"jti kept shorter than the token with its leeway", func(m mistake) {
			text := m.sign(nil)
			_, err := m.exchange(text)
			m.Check(err)
			m.Clock.Add(5*time.Minute + idtoken.Leeway - time.Second)
			m.Check(m.Publishers.Tend(m.Context()))
			_, err = m.exchange(text)
			m.refusedFor(err, publishers.CodeReused, "")
		}},
		{"jti checked and claimed in two steps", func(m mistake) {
			text := m.sign(nil)
			var minted atomic.Int32
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					if _, err := m.exchange(text); err == nil {
						minted.Add(1)
					}
				})
			}
			all.Wait()
			if minted.Load() != 1 {
				m.t.Errorf("%d tokens", minted.Load())
			}
		}},
		{"issuer of one provider accepted for another", func(m mistake) {
			m.generic.Rotate(m.t, jose.ES256) // one name, two keys
			m.github.Rotate(m.t, jose.ES256)
			m.Clock.Add(2 * time.Minute)
			m.mint()
			_, err := m.exchange(m.generic.Sign(m.t, m.claims(map[string]any{"iss": m.github.URL})))
			m.refusedFor(err, idtoken.CodeToken, "")
			_, err = m.exchange(m.generic.Sign(m.t, m.claims(nil)))
			m.refusedFor(err, idtoken.CodePayload, "no publisher here names the issuer")
		}},
		{"two audiences", func(m mistake) {
			_, err := m.exchange(m.sign(map[string]any{"aud": []string{issuertest.Location, "pypi"}}))
			m.refusedFor(err, idtoken.CodeToken, "2 audiences")
		}},
		{"kid missing", func(m mistake) {
			_, err := m.exchange(m.headed(`{"alg":"RS256"}`))
			m.refusedFor(err, idtoken.CodeToken, "kid")
		}},
		{"alg none", func(m mistake) {
			text := m.headed(fmt.Sprintf(`{"alg":"none","kid":%q}`, m.github.Key().KeyID))
			_, err := m.exchange(text[:strings.LastIndex(text, ".")+1])
			m.refusedFor(err, idtoken.CodeToken, "")
		}},
		{"HS256 with the public key", func(m mistake) {
			s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: m.github.JWKS()}, (&jose.SignerOptions{}).WithHeader("kid", m.github.Key().KeyID))
			m.Check(err)
			payload, err := base64.RawURLEncoding.DecodeString(strings.Split(m.sign(nil), ".")[1])
			m.Check(err)
			signed, err := s.Sign(payload)
			m.Check(err)
			text, err := signed.CompactSerialize()
			m.Check(err)
			_, err = m.exchange(text)
			m.refusedFor(err, idtoken.CodeToken, "HS256")
		}},
		{"environment compared by truthiness", func(m mistake) {
			rules := m.rules()
			rules.Environment = "pypi"
			m.replace(rules)
			for _, env := range []any{"", nil, "x", []any{"pypi"}, true} {
				_, err := m.exchange(m.sign(map[string]any{"environment": env}))
				m.refusedFor(err, publishers.CodePublisher, `environment: expected "pypi", got `)
			}
		}},
		{"percent-encoded dots in a path", func(m mistake) {
			_, err := m.exchange(m.sign(map[string]any{"workflow_ref": "octo/" + m.name + "/.github/workflows/%2e%2e/workflows/release.yml@refs/tags/v1.2.3"}))
			m.refusedFor(err, publishers.CodePublisher, "workflow_ref")
		}},
		{"a repository that was deleted and made again by somebody else", func(m mistake) {
			m.mint()
			_, err := m.exchange(m.sign(map[string]any{"repository_id": "again"}))
			m.refusedFor(err, publishers.CodePublisher, "repository_id: expected")
			_, err = m.exchange(m.sign(map[string]any{"repository_owner_id": "66"}))
			m.refusedFor(err, publishers.CodePublisher, "repository_owner_id: expected")
		}},
		{"a publisher that the project dropped while a token of it lives", func(m mistake) {
			a := m.mint()
			m.v.Expect(a.Text, m.name)
			_, err := m.Publishers.Remove(m.Context(), alice, m.name, m.id)
			m.Check(err)
			m.v.Expect(a.Text, m.name, caveats.Revoked)
		}},
		{"scope that grows in the exchange", func(m mistake) {
			a := m.mint()
			m.v.Expect(a.Text, "apart", caveats.WrongProject)
			_, err := m.v.Checker.Verify(m.Context(), a.Text, verifier.Request{Action: caveats.ActionCreate, Project: m.name})
			var denial *verifier.Denial
			if !errors.As(err, &denial) {
				m.t.Errorf("it registers projects: %v", err)
			}
		}},
		{"publisher of a member who left", func(m mistake) {
			m.Member(alice, m.name, bob.UserID, projects.RoleOwner)
			m.Check(m.Publishers.Vouch(m.Context(), bob, m.name, m.id))
			a := m.mint()
			_, err := m.Projects.Leave(m.Context(), bob, m.name)
			m.Check(err)
			m.v.Expect(a.Text, m.name, caveats.Revoked)
			_, err = m.exchange(m.sign(nil))
			m.refusedFor(err, publishers.CodePublisher, "no owner")
		}},
		{"a refresh that is used twice", func(m mistake) {
			text := m.sign(nil)
			a, err := m.exchange(text)
			m.Check(err)
			_, err = m.Tokens.Burn(m.Context(), a.Text, alice.Actor)
			m.Check(err)
			_, err = m.exchange(text)
			m.refusedFor(err, publishers.CodeReused, "")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := fmt.Sprintf("mistake%d", i)
			h.Project(alice, name)
			m := mistake{house: h, t: t, v: v, name: name}
			p, err := h.Publishers.Add(h.Context(), alice, name, m.rules())
			h.Check(err)
			m.id = p.ID
			h.Clock.Add(time.Minute)
			c.try(m)
			// What was tried kept nothing of a good job away, unless its publisher is gone.
			if _, err := h.exchange(m.sign(map[string]any{"environment": "pypi"})); err != nil && !strings.Contains(c.name, "dropped") && !strings.Contains(c.name, "left") {
				t.Errorf("a good token: %v", err)
			}
		})
	}
}

func (m mistake) rules() publishers.Rules {
	r := m.hub()
	r.Repository = "octo/" + m.name
	return r
}

// replace puts another publisher in the place of the project's.
func (m mistake) replace(rules publishers.Rules) {
	m.t.Helper()
	_, err := m.Publishers.Remove(m.Context(), alice, m.name, m.id)
	m.Check(err)
	_, err = m.Publishers.Add(m.Context(), alice, m.name, rules)
	m.Check(err)
}

// Mistakes in fetching keys, and in GitLab's paths: nothing is minted, and nothing is asked for where it may not be.
func TestMistakesOfOthersAboutKeys(t *testing.T) {
	t.Parallel()
	inside := idtest.New(t, "")
	for name, c := range map[string]struct {
		private bool
		answer  http.HandlerFunc
	}{
		"JWKS fetched from a private address": {false, nil},
		"JWKS fetched without a size limit": {true, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"keys":[` + strings.Repeat(" ", 1<<20) + `]}`))
		}},
		"a redirect followed while fetching keys": {true, http.RedirectHandler(inside.URL+"/keys", http.StatusTemporaryRedirect).ServeHTTP},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ci := idtest.New(t, "/_services/token")
			ci.Answer(c.answer)
			i := ci.Issuer("ci", idtoken.KindGitHub)
			i.PrivateAddresses = c.private
			h := newHouse(t, func(cfg *issuer.Config) {
				cfg.IDTokens = idtoken.New(idtoken.Config{Clock: cfg.Clock, Issuers: []idtoken.Issuer{i}})
			})
			h.github = ci
			h.Project(alice, "demo")
			h.add(h.hub())
			_, err := h.exchangeHub(nil)
			if !errors.Is(err, idtoken.ErrUnavailable) || inside.Fetches() != 0 || !c.private && ci.Fetches() != 0 {
				t.Errorf("%v, %d and %d fetches", err, inside.Fetches(), ci.Fetches())
			}
		})
	}
	t.Run("mixed case of a GitLab path", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		h.Project(alice, "demo")
		h.add(publishers.Rules{Issuer: h.gitlab.URL, Repository: "gROUP/Demo", Workflow: ".gitlab-ci.yml"})
		_, err := h.exchange(h.gitlab.Sign(t, h.labClaims(nil)))
		h.Check(err)
	})
}
