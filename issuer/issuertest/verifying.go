package issuertest

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// Follow gives the House a verifier that follows it, as the one in a server does.
func (h *House) Follow() *Verifying {
	h.Helper()
	keys, err := rootkeys.Open(filepath.Join(h.TempDir(), "rootkeys.db"), rootkeys.Options{Key: make([]byte, rootkeys.KeySize)})
	h.Check(err)
	f := replication.New(replication.Config{Source: h.Service.Followers, Store: keys, Clock: h.Clock.Now})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	h.Cleanup(func() {
		cancel()
		h.Check(<-ended)
		h.Check(keys.Close())
	})
	return &Verifying{h, f, verifier.New(keys).WithClock(h.Clock.Now)}
}

// Verifying is a House with a verifier.
type Verifying struct {
	*House
	Follower *replication.Follower
	Checker  *verifier.Verifier
}

// Expect checks an upload to a project, once the verifier has all committed changes.
// Without want, the upload has to be allowed; otherwise want are the reasons of the
// denial in their order.
func (v *Verifying) Expect(text, project string, want ...caveats.Reason) {
	v.Helper()
	v.Check(v.Follower.CatchUp(v.Context(), v.Revision()))
	grant, err := v.Checker.Verify(v.Context(), text, verifier.Request{Action: caveats.ActionUpload, Project: project})
	var denial *verifier.Denial
	if len(want) == 0 {
		if err != nil || grant.UserID == "" || grant.Project != caveats.NormalizeProject(project) {
			v.Errorf("upload to %q: grant %+v, error %v; want an allow", project, grant, err)
		}
		return
	}
	if !errors.As(err, &denial) {
		v.Errorf("upload to %q: grant %+v, error %v; want %v", project, grant, err, want)
		return
	}
	var got []caveats.Reason
	for _, f := range denial.Failures {
		got = append(got, f.Reason)
	}
	if !slices.Equal(got, want) {
		v.Errorf("upload to %q: denied for %v, want %v", project, got, want)
	}
}

// Denied returns the sentence of the denial of an upload, once the verifier has all
// committed changes.
func (v *Verifying) Denied(text, project string) string {
	v.Helper()
	v.Check(v.Follower.CatchUp(v.Context(), v.Revision()))
	_, err := v.Checker.Verify(v.Context(), text, verifier.Request{Action: caveats.ActionUpload, Project: project})
	var denial *verifier.Denial
	if !errors.As(err, &denial) {
		v.Fatalf("upload to %q: %v, want a denial", project, err)
	}
	return denial.Message()
}
