package policy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/dist"
	"github.com/rind-dev/rind/verifier/gateway"
)

// Ledger remembers the files that were passed on. What a method has recorded when it returns survives a crash. Several
// goroutines may call the methods at once.
type Ledger interface {
	// Admit calls decide with all files of f's project at an index. If decide returns nil, Admit records f as under way,
	// in the same transaction. before is the file of that name that was recorded, nil for none.
	Admit(ctx context.Context, index string, f File, decide func([]File) error) (before *File, err error)

	// Put records a file, in place of the one with its name.
	Put(ctx context.Context, index string, f File) error

	// Forget removes a file.
	Forget(ctx context.Context, index string, f File) error
}

// File is a file in a Ledger. A file is found by project, version and name.
type File struct {
	Project string // normalized
	Version string // in the normal form of PEP 440
	Name    string
	Size    int64     // bytes
	At      time.Time // when it was first passed on
	State   State
}

// State says what is known about a file.
type State string

// The states of a file.
const (
	Kept     State = ""         // the index acknowledged it
	UnderWay State = "underway" // it is being passed on by this process
	Unknown  State = "unknown"  // nobody knows whether the index has it: an earlier process, or the index, has ended before
)

// count passes a file on if the rules about releases and sizes allow it.
func (p *Policy) count(ctx context.Context, t terms, up gateway.Upload, to gateway.Staged) (repeated bool, err error) {
	free, err := p.names.Lock(ctx, up.Project+"/"+strings.ToLower(up.Filename))
	if err != nil {
		return false, &gateway.Refusal{Status: http.StatusServiceUnavailable, RetryAfter: 30 * time.Second, Err: err,
			Reason: "Another upload of the same file is still in progress. Try again later."}
	}
	defer free()
	f, before, err := p.admit(ctx, t, up)
	if f == nil || err != nil {
		if err == nil {
			return to.Commit(ctx, up) // it adds nothing, whatever comes of it; and the ledger must not take it for new
		}
		return false, err
	}
	repeated, err = to.Commit(ctx, up)
	p.settle(context.WithoutCancel(ctx), *f, before, repeated, err)
	return repeated, err
}

// admit records a file as under way if the rules allow it. The file is nil if the index has one of its name.
//
// The turn of the project is held from the index's list to the ledger's transaction, and while settle writes: so each
// file that the ledger has as kept was acknowledged before the list was asked for, and the list tells whether it is still
// there.
func (p *Policy) admit(ctx context.Context, t terms, up gateway.Upload) (f, before *File, err error) {
	free, err := p.projects.Lock(ctx, up.Project)
	if err != nil {
		return nil, nil, err
	}
	defer free()
	var list listing
	if lister, ok := p.cfg.Backend.(gateway.Lister); ok {
		files, err := lister.Known(ctx, up.Project)
		if err != nil {
			return nil, nil, fmt.Errorf("policy: what the index has of %s: %w", up.Project, err)
		}
		list = listing{true, files}
	}
	if list.has(up.Filename) {
		return nil, nil, nil
	}
	f = &File{Project: up.Project, Version: up.Version, Name: up.Filename, Size: up.Size, At: p.cfg.Now().UTC(), State: UnderWay}
	before, err = p.cfg.Ledger.Admit(ctx, p.cfg.Index, *f, func(files []File) error { return t.decide(files, list, *f) })
	return f, before, err
}

// settle records what became of a file that was passed on. What can't be recorded stays under way, and after a restart
// unknown, so nothing is lost.
func (p *Policy) settle(ctx context.Context, f File, before *File, repeated bool, failed error) {
	if before != nil && before.At.Before(f.At) {
		f.At = before.At // a file that is uploaded again opens no release
	}
	free, err := p.projects.Lock(ctx, f.Project)
	if err == nil {
		defer free()
		err = p.record(ctx, f, before, repeated, failed)
	}
	if err != nil {
		p.log.ErrorContext(ctx, "the ledger does not know what became of a file", "file", f.Name, "error", err)
	}
}

func (p *Policy) record(ctx context.Context, f File, before *File, repeated bool, failed error) error {
	var refusal *gateway.Refusal
	switch {
	case failed == nil && repeated && before == nil: // nobody knows since when the index has it
		return p.cfg.Ledger.Forget(ctx, p.cfg.Index, f)
	case failed == nil:
		f.State = Kept
		return p.cfg.Ledger.Put(ctx, p.cfg.Index, f)
	case !errors.As(failed, &refusal) || refusal.Status >= 500:
		f.State = Unknown
		return p.cfg.Ledger.Put(ctx, p.cfg.Index, f)
	case before != nil:
		return p.cfg.Ledger.Put(ctx, p.cfg.Index, *before)
	}
	return p.cfg.Ledger.Forget(ctx, p.cfg.Index, f)
}

// listing is what the index says it has.
type listing struct {
	known bool // it says so
	files []gateway.Known
}

func (l listing) has(name string) bool {
	return slices.ContainsFunc(l.files, func(k gateway.Known) bool { return k.Name == name })
}

// decide returns a Refusal if a file may not be added to those that are there.
func (t terms) decide(files []File, list listing, f File) error {
	var first time.Time // of the release
	ageless := ""       // a file of the release whose age is not known
	total := f.Size
	seen := func(version string, at time.Time) {
		if caveats.EqualVersions(version, f.Version) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	recorded := map[string]bool{}
	for _, g := range files {
		there := !list.known || g.State == UnderWay || list.has(g.Name)
		if g.State == Unknown && !there {
			continue // it did not arrive
		}
		recorded[g.Name] = true
		seen(g.Version, g.At)
		if there && g.Name != f.Name {
			total += g.Size
		}
	}
	for _, k := range list.files {
		version := dist.VersionOf(k.Name, f.Project)
		switch {
		case !k.Uploaded.IsZero():
			seen(version, k.Uploaded)
		case !recorded[k.Name] && caveats.EqualVersions(version, f.Version):
			ageless = k.Name
		}
		if !recorded[k.Name] {
			total += max(0, k.Size)
		}
	}
	switch {
	case t.closes > 0 && ageless != "":
		return refuse(http.StatusBadRequest, "Release %s of project '%s' is closed: nobody knows how long it has had the file '%s', and releases close %s after their first file. Upload a new version.", f.Version, f.Project, ageless, days(t.closes))
	case t.closes > 0 && !first.IsZero() && f.At.Sub(first) >= t.closes:
		return refuse(http.StatusBadRequest, "Release %s of project '%s' is closed: its first file was uploaded on %s, and releases close %s after that. Upload a new version.", f.Version, f.Project, first.Format("2006-01-02"), days(t.closes))
	case t.maxProject > 0 && total > t.maxProject:
		return t.projectTooLarge(f.Project)
	}
	return nil
}

func (t terms) projectTooLarge(project string) error {
	return refuse(http.StatusRequestEntityTooLarge, "Project size too large. Limit for project '%s' total size is %s.", project, size(t.maxProject))
}

func refuse(status int, format string, args ...any) error {
	return &gateway.Refusal{Status: status, Reason: fmt.Sprintf(format, args...)}
}

// days writes a time for people.
func days(d time.Duration) string {
	switch day := 24 * time.Hour; {
	case d == day:
		return "a day"
	case d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}
