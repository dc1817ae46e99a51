package replication_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/feedhttp"
	"github.com/rind-dev/rind/issuer/tokens"
)

// childIssuer is the environment variable that makes this test's binary an issuer: its
// store and its address, as JSON.
const childIssuer = "RIND_TEST_ISSUER"

type issuing struct{ Path, Addr string }

// done is what an issuer in another process says once it is done.
type done struct {
	Minted  string `json:",omitempty"` // text
	Revoked string `json:",omitempty"` // text
}

// issue mints and revokes tokens of alice's as fast as it can, serves the feed, and says
// what was acknowledged, until it is killed.
func issue(text string, stdout io.Writer) error {
	var j issuing
	err := json.Unmarshal([]byte(text), &j)
	if err != nil {
		return err
	}
	store, err := boltkv.Open(j.Path, boltkv.Options{})
	if err != nil {
		return err
	}
	sealer, err := seal.New(key)
	if err != nil {
		return err
	}
	s, err := issuer.New(issuer.Config{Store: store, Sealer: sealer, Location: "packages.example.org"})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", j.Addr)
	if err != nil {
		return err
	}
	go func() { _ = http.Serve(l, feedhttp.New(feedhttp.Config{Issuer: s})) }()
	ctx, say := context.Background(), json.NewEncoder(stdout)
	for n := 0; ; n++ {
		m, err := s.Tokens.Mint(ctx, alice, tokens.MintRequest{Label: fmt.Sprint(os.Getpid(), " ", n), Scope: tokens.ScopeAll, Life: tokens.LifeNever})
		if err != nil {
			return err
		}
		if err := say.Encode(done{Minted: m.Text}); err != nil {
			return err
		}
		if n%2 == 0 {
			continue
		}
		if _, _, err := s.Tokens.Revoke(ctx, alice, m.Token.ID); err != nil {
			return err
		}
		if err := say.Encode(done{Revoked: m.Text}); err != nil {
			return err
		}
	}
}

// TestIssuerKilled kills an issuer again and again while it mints and revokes, and a
// verifier follows: whatever was acknowledged holds at the verifier once it is connected
// again, and nothing that was said to be revoked is allowed any more.
func TestIssuerKilled(t *testing.T) {
	o := newOrigin(t)
	r := newReplica(t, o.url(), o.secretFile("berlin"))
	r.catchUp(o)
	o.stop()
	want, doubtful := map[string]string{}, map[string]bool{}
	for range 6 {
		last := ""
		for _, d := range killedIssuer(t, issuing{o.path, o.addr}, r) {
			if d.Minted != "" {
				want[d.Minted], last = "allow", d.Minted
			} else {
				want[d.Revoked], last = string(caveats.Revoked), ""
			}
		}
		doubtful[last] = true // it may have been revoked without a word
	}
	o.start()
	r.catchUp(o)
	seen := map[string]int{}
	for text, w := range want {
		got, err := r.answerErr(text, "demo")
		if got != w && !(doubtful[text] && got == string(caveats.Revoked)) {
			t.Errorf("%s, want %s: %v", got, w, err)
		}
		seen[got]++
	}
	if seen["allow"] < 6 || seen[string(caveats.Revoked)] < 6 {
		t.Errorf("%v: the issuer was killed before it did anything", seen)
	}
}

// killedIssuer runs an issuer for a moment and returns what it acknowledged.
func killedIssuer(t *testing.T, j issuing, r *replica) (all []done) {
	t.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childIssuer+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	least := 8 + rand.IntN(40)
	for end := time.Now().Add(time.Minute); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break // a part of a line was not said
		}
		var d done
		err = json.Unmarshal(line, &d)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
		if len(all) == least || time.Now().After(end) {
			_ = cmd.Process.Kill() // and what it said meanwhile counts
		}
		if d.Revoked != "" && len(all)%8 == 0 {
			r.answer(d.Revoked, "demo") // whatever it is: it is a moment of the past
		}
	}
	_ = cmd.Wait()
	return all
}
