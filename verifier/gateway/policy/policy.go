// Package policy holds the uploads of an index to rules that the index itself doesn't have: a release closes some days
// after its first file, sizes, wheels only, and names that only some users may upload to.
//
//	files, err := ledger.Open("gateway/ledger.db", false)
//	checked, err := policy.New(policy.Config{Backend: index, Rules: rules, Ledger: files, Index: "https://index.example.org/"})
//	upload, err := gateway.New(gateway.Config{Verifier: v, Backend: checked})
//
// A Policy is a [gateway.Backend] in front of another one. It needs nobody else: who uploads is known from the token's
// record, and what the index can't tell (when a file came, how large it is) from a [Ledger] of what was passed on. Package
// ledger, below this one, is such a ledger, in a file.
//
// # What is true after a crash, and after the loss of a ledger
//
// A file is in the ledger before it goes to the index, as one that is under way. If the process ends before it learns
// what became of it, the index decides afterwards: the file counts if the index lists it. If the ledger is lost, or an
// index had files before, then what the index lists and the ledger doesn't know counts with the time and the size that
// the index states (PEP 700). A release with a file whose age nobody knows is closed: otherwise the loss of a file would
// open every old release to whoever has a token.
package policy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/dist"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/gateway"
	"github.com/rind-dev/rind/verifier/gateway/internal/keymutex"
)

// Config is what a Policy needs.
type Config struct {
	Backend gateway.Backend // required
	Rules   Rules
	Ledger  Ledger           // required if the Rules count something
	Index   string           // name of the index in the ledger: it stays the same, and no other index has it
	Turns   *Turns           // shared with another Policy of the same index, which this one takes over from; nil: its own
	Now     func() time.Time // nil: time.Now
	Logger  *slog.Logger     // nil discards
}

// Policy is a Backend that checks uploads by the rules before another Backend gets them. Several goroutines may call its
// methods at once.
type Policy struct {
	cfg Config
	log *slog.Logger
	*Turns
}

// Turns let one upload at a time be counted for a file and for a project.
type Turns struct {
	names    *keymutex.Mutex // of files, from the beginning of a count to its end
	projects *keymutex.Mutex
}

// NewTurns returns Turns that nobody holds.
func NewTurns() *Turns { return &Turns{keymutex.New(), keymutex.New()} }

// New returns a Backend that holds uploads to rules. If the Backend behind it is a [gateway.FormReader], so is the one
// that New returns.
func New(cfg Config) (gateway.Backend, error) {
	if cfg.Backend == nil || cfg.Rules.Counts() && cfg.Ledger == nil {
		return nil, errors.New("policy: the Config needs a Backend, and a Ledger for rules about releases that close and about sizes of projects")
	}
	for _, r := range cfg.Rules {
		if err := r.Check(); err != nil {
			return nil, fmt.Errorf("policy: a rule: %w", err)
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	p := &Policy{cfg: cfg, log: cfg.Logger, Turns: cfg.Turns}
	if p.Turns == nil {
		p.Turns = NewTurns()
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if forms, ok := cfg.Backend.(gateway.FormReader); ok {
		return &formPolicy{p, forms}, nil
	}
	return p, nil
}

// formPolicy is a Policy in front of a FormReader.
type formPolicy struct {
	*Policy
	forms gateway.FormReader
}

// ReadForm implements [gateway.FormReader].
func (p *formPolicy) ReadForm(ctx context.Context) (gateway.Form, error) {
	return p.forms.ReadForm(ctx)
}

// Reserve implements [gateway.Backend].
func (p *Policy) Reserve(ctx context.Context, up gateway.Upload) (gateway.Staged, error) {
	var t terms
	if up.Project != "" {
		t = p.cfg.Rules.of(up.Project)
		if err := t.early(up); err != nil {
			return nil, err
		}
	}
	to, err := p.cfg.Backend.Reserve(ctx, up)
	if err != nil {
		return nil, err
	}
	return &staged{Staged: to, policy: p, project: up.Project, max: t.maxFile}, nil
}

// early checks what needs neither the file nor the ledger.
func (t terms) early(up gateway.Upload) error {
	if kind, _ := dist.TypeOf(up.Filename); t.wheelsOnly && kind == dist.SDist {
		return &gateway.Refusal{Status: http.StatusBadRequest, Reason: "This index takes only wheels of project '" + up.Project + "', and the file '" + up.Filename + "' is a source distribution: build a wheel, and upload that."}
	}
	if t.users != nil && up.UserName != "" && !slices.Contains(t.users, up.UserID) && !slices.Contains(t.users, up.UserName) {
		return &verifier.Denial{TokenID: up.TokenID, UserID: up.UserID, Failures: []caveats.Failure{{Reason: caveats.NotAMember,
			Text: "user '" + up.UserName + "' may not upload to project '" + up.Project + "' here: the operators of this index name who may"}}}
	}
	return nil
}

func tooLarge(project string, limit int64) error {
	return &gateway.Refusal{Status: http.StatusRequestEntityTooLarge, Reason: "File too large. Limit for project '" + project + "' is " + size(limit) + "."}
}

// size writes a number of bytes for people.
func size(n int64) string {
	for _, unit := range []struct {
		bytes int64
		name  string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= unit.bytes && n%unit.bytes == 0 {
			return fmt.Sprintf("%d %s", n/unit.bytes, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// staged is a file that is being uploaded.
type staged struct {
	gateway.Staged
	policy  *Policy
	project string // "" if it was not known before the file
	max     int64  // bytes of the file; 0: no limit
	size    int64
}

// Write implements io.Writer.
func (s *staged) Write(b []byte) (int, error) {
	s.size += int64(len(b))
	if s.max > 0 && s.size > s.max {
		return 0, tooLarge(s.project, s.max)
	}
	return s.Staged.Write(b)
}

// Check implements [gateway.Prechecked]: it checks all rules that need no ledger, and whether the file alone is too large for a new project.
func (s *staged) Check(up gateway.Upload) error {
	if err := s.check(up); err != nil {
		return err
	}
	if t := s.policy.cfg.Rules.of(up.Project); t.maxProject > 0 && up.Size > t.maxProject {
		return t.projectTooLarge(up.Project)
	}
	return nil
}

// check checks all rules that need no ledger.
func (s *staged) check(up gateway.Upload) error {
	t := s.policy.cfg.Rules.of(up.Project)
	if t.users != nil && (up.UserID == "" || up.UserName == "") {
		return errors.New("policy: it is not known who uploads")
	}
	if err := t.early(up); err != nil {
		return err
	}
	if t.maxFile > 0 && up.Size > t.maxFile {
		return tooLarge(up.Project, t.maxFile)
	}
	return nil
}

// Commit implements [gateway.Staged].
func (s *staged) Commit(ctx context.Context, up gateway.Upload) (repeated bool, err error) {
	defer s.Staged.Discard()
	if err := s.check(up); err != nil {
		return false, err
	}
	t := s.policy.cfg.Rules.of(up.Project)
	if !t.counts() {
		return s.Staged.Commit(ctx, up)
	}
	return s.policy.count(ctx, t, up, s.Staged)
}
