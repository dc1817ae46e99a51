package verifier_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// twisted answers with what a real store said, changed on its way.
type twisted struct {
	verifier.Store
	twist func(*verifier.Record, *error)
}

func (s twisted) Lookup(ctx context.Context, id, project string) (verifier.Record, error) {
	rec, err := s.Store.Lookup(ctx, id, project)
	s.twist(&rec, &err)
	return rec, err
}

// TestCouldNotCheck shows that what goes wrong with the store is neither an
// allow nor a denial, whatever error it comes as.
func TestCouldNotCheck(t *testing.T) {
	var errDisk = errors.New("disk on fire")
	fail := func(err error) func(*verifier.Record, *error) {
		return func(_ *verifier.Record, e *error) { *e = err }
	}
	change := func(f func(*verifier.Record)) func(*verifier.Record, *error) {
		return func(rec *verifier.Record, _ *error) { f(rec) }
	}
	for _, c := range []struct {
		name  string
		twist func(*verifier.Record, *error)
		is    error // must be found in the error too
	}{
		{"an error", fail(errDisk), errDisk},
		{"a denial as an error", fail(fmt.Errorf("odd: %w", &verifier.Denial{Failures: []caveats.Failure{{Reason: caveats.Expired}}})), nil},
		{"unknown and unavailable", fail(errors.Join(verifier.ErrUnknownToken, verifier.ErrUnavailable)), nil},
		{"an empty record", change(func(r *verifier.Record) { *r = verifier.Record{} }), nil},
		{"no caveats", change(func(r *verifier.Record) { r.Caveats = nil }), nil},
		{"no owner", change(func(r *verifier.Record) { r.UserID = "" }), nil},
		{"no location", change(func(r *verifier.Record) { r.Location = "" }), nil},
		{"no signature", change(func(r *verifier.Record) { r.Signature = [32]byte{} }), nil},
		{"an issued caveat that is cut", change(func(r *verifier.Record) { r.Caveats = [][]byte{r.Caveats[0][:10]} }), nil},
		{"an issued caveat of another form", change(func(r *verifier.Record) { r.Caveats = append(r.Caveats[:1:1], []byte("{}")) }), nil},
		{"a restriction that is cut", change(func(r *verifier.Record) { r.Restrictions = [][]byte{[]byte("[100,")} }), nil},
		{"another project", change(func(r *verifier.Record) { r.Project.Name = "other" }), nil},
		{"a project without an id", change(func(r *verifier.Record) { r.Project.ID = "" }), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			tok := text(t, h.issue(1))
			v := verifier.New(twisted{h.store, c.twist})
			grant, err := v.Verify(context.Background(), tok, upload())
			checkUnavailable(t, grant, err)
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v does not wrap %v", err, c.is)
			}
		})
	}
}

func checkUnavailable(t *testing.T, grant verifier.Grant, err error) {
	t.Helper()
	var d *verifier.Denial
	if !errors.Is(err, verifier.ErrUnavailable) || errors.As(err, &d) || errors.Is(err, verifier.ErrUnknownToken) {
		t.Errorf("%v is not that the check could not be made, or not only", err)
	}
	if grant.TokenID != "" || grant.Project != "" {
		t.Errorf("an error came with a grant: %+v", grant)
	}
}

func TestContextEnds(t *testing.T) {
	h := newHouse(t)
	tok := text(t, h.issue(1))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	grant, err := h.verifier.Verify(ctx, tok, upload())
	checkUnavailable(t, grant, err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not tell why", err)
	}
}

// TestNoGrantWithAnError shows that a refused token gives nothing to act on.
func TestNoGrantWithAnError(t *testing.T) {
	h := newHouse(t)
	tok := text(t, h.issue(1, caveats.ProjectNames{"other"}))
	grant, err := h.verifier.Verify(context.Background(), tok, upload())
	if err == nil || grant.TokenID != "" || grant.UserID != "" || grant.Project != "" {
		t.Errorf("%+v, %v", grant, err)
	}
}

// TestProjectThatNobodyAskedFor shows that a project which the record holds
// although none was asked for is not believed.
func TestProjectThatNobodyAskedFor(t *testing.T) {
	h := newHouse(t)
	tok := text(t, h.issue(1))
	v := verifier.New(twisted{h.store, func(r *verifier.Record, _ *error) {
		r.Project = verifier.Project{ID: demo, Name: "", Member: true}
	}})
	req := upload()
	req.Project = ""
	grant, err := v.Verify(context.Background(), tok, req)
	checkUnavailable(t, grant, err)
}

// A store that is closed, or that has heard of no issuer, can't tell.
func TestStoreThatCannotTell(t *testing.T) {
	h := newHouse(t)
	tok := text(t, h.issue(1))
	fresh, err := rootkeys.Open(t.TempDir()+"/rootkeys.db", rootkeys.Options{Key: make([]byte, rootkeys.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	grant, err := verifier.New(fresh).Verify(context.Background(), tok, upload())
	checkUnavailable(t, grant, err)
	if err := fresh.Close(); err != nil {
		t.Fatal(err)
	}
	grant, err = verifier.New(fresh).Verify(context.Background(), tok, upload())
	checkUnavailable(t, grant, err)
}
