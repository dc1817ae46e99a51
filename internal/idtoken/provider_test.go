package idtoken_test

import (
	"context"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/realtest"
)

// A real OpenID provider over TLS, which nobody here wrote: its discovery document, keys and tokens are accepted, its keys rotate while it
// runs, it hangs, and it goes away.
func TestRealProvider(t *testing.T) {
	t.Parallel()
	p := realtest.StartProvider(t, "/api/actions")
	p.Claims(map[string]any{"repository": "octo/demo", "sub": "repo:octo/demo"})
	var ahead atomic.Int64
	set := idtoken.New(idtoken.Config{
		Issuers: []idtoken.Issuer{{Name: "forge", URL: p.URL, Kind: idtoken.KindGitHub, CAFile: p.CAFile, PrivateAddresses: true}},
		Clock:   func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	})
	verify := func(text string) (idtoken.Verified, error) {
		begun := time.Now()
		v, err := set.Verify(context.Background(), text, audience, anyIssuer)
		if took := time.Since(begun); took >= 5*time.Second {
			t.Errorf("the answer took %s, and clients give up after 5 s", took)
		}
		return v, err
	}
	first := p.Token(audience)
	v, err := verify(first)
	if got, _ := v.Claims.Text("repository"); err != nil || got != "octo/demo" || !v.HasID {
		t.Fatalf("%+v, %v", v, err)
	}
	if _, err := verify(p.Token("another.example")); codeOf(t, err) != idtoken.CodeToken {
		t.Error(err)
	}

	p.Rotate()
	second := p.Token(audience)
	if _, err := verify(second); codeOf(t, err) != idtoken.CodeToken { // asked for a moment ago
		t.Error(err)
	}
	ahead.Add(int64(61 * time.Second))
	if _, err := verify(second); err != nil {
		t.Errorf("after the rotation: %v", err)
	}
	if _, err := verify(first); codeOf(t, err) != idtoken.CodeToken {
		t.Errorf("the old key is trusted: %v", err)
	}

	p.Rotate()
	third := p.Token(audience)
	ahead.Add(int64(61 * time.Second))
	p.Signal(syscall.SIGSTOP)
	_, err = verify(third)
	p.Signal(syscall.SIGCONT)
	if codeOf(t, err) == "" {
		t.Error("a token was accepted while its key could not be fetched")
	}
	if _, err := verify(second); err != nil {
		t.Errorf("after a fetch that failed: %v", err)
	}
	p.Stop()
	ahead.Add(int64(61 * time.Second))
	if _, err := verify(third); codeOf(t, err) == "" {
		t.Error("a token was accepted whose key nobody has")
	}
	if _, err := verify(second); err != nil {
		t.Errorf("with the provider gone: %v", err)
	}
}
