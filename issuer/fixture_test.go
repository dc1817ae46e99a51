package issuer_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

const (
	location = "packages.example.org"
	aliceID  = "00000000-0000-4000-8000-0000000000aa"
	bobID    = "00000000-0000-4000-8000-0000000000ab"
	carolID  = "00000000-0000-4000-8000-0000000000ac"
	rootID   = "00000000-0000-4000-8000-0000000000ad"
	nobodyID = "00000000-0000-4000-8000-0000000000ae"
)

// start is a moment with a fraction of a second, as real ones have.
var start = time.Unix(1800000000, 123456789).UTC()

func who(id, name string) ledger.Principal {
	return ledger.Principal{UserID: id, Username: name, Actor: audit.Actor{IP: "203.0.113.9", Factor: "totp", RequestID: "r1"}}
}

var (
	alice = who(aliceID, "alice")
	bob   = who(bobID, "bob")
	carol = who(carolID, "carol")
	root  = func() ledger.Principal { p := who(rootID, "root"); p.Admin = true; return p }()
)

// clock is a time that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// directory is what the room of accounts knows of the users of a house.
type directory struct {
	names     map[string]string // id by name
	addresses map[string]string // verified address by id
	cleared   map[string]uint64 // how often the account was, by id
}

func (d *directory) Generation(_ kv.Reader, id string) (uint64, error) { return d.cleared[id], nil }

func (d *directory) UserNamed(_ kv.Reader, name string) (string, error) {
	return d.names[strings.ToLower(name)], nil
}

func (d *directory) VerifiedAddress(_ kv.Reader, id string) (string, error) {
	return d.addresses[id], nil
}

// house is an issuer on a real store, with four users.
type house struct {
	testing.TB
	*issuer.Service
	store  kv.Store
	path   string
	clock  *clock
	tx     kv.Tx                  // that fillWith fills
	newID  func() (string, error) // makes ids in place of the ledger
	people *directory
}

func sealer(t testing.TB) *seal.Sealer {
	t.Helper()
	s, err := seal.New([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newHouse opens an issuer in a new folder; options change its configuration.
func newHouse(t testing.TB, options ...func(*issuer.Config)) *house {
	t.Helper()
	h := &house{TB: t, path: filepath.Join(t.TempDir(), "issuer.db"), clock: &clock{now: start}, people: &directory{
		names:     map[string]string{"alice": aliceID, "bob": bobID, "carol": carolID, "root": rootID},
		addresses: map[string]string{aliceID: "Alice@example.org", bobID: "bob@example.org", carolID: "carol@example.org"},
	}}
	h.open(options...)
	t.Cleanup(func() { h.check(h.store.Close()) })
	rows.Watch(t, func() kv.Store { return h.store })
	for _, p := range []ledger.Principal{alice, bob, carol, root} {
		h.record(p.UserID, p.Username, false)
	}
	return h
}

func (h *house) open(options ...func(*issuer.Config)) {
	h.Helper()
	store, err := boltkv.Open(h.path, boltkv.Options{})
	h.check(err)
	cfg := issuer.Config{Store: store, Sealer: sealer(h), Location: location, Clock: h.clock.Now, People: h.people, ProjectsDaily: 1 << 20}
	cfg.NewID = func() (string, error) {
		if h.newID != nil {
			return h.newID()
		}
		return ledger.NewUUID(h.clock.Now(), rand.Reader)
	}
	for _, o := range options {
		o(&cfg)
	}
	h.store = store
	h.Service, err = issuer.New(cfg)
	h.check(err)
}

func (h *house) check(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// record is what the room of accounts does when a user changes.
func (h *house) record(id, name string, frozen bool) {
	h.Helper()
	h.check(h.store.Update(h.Context(), func(tx kv.Tx) error { return h.Ledger.RecordUser(tx, id, name, frozen) }))
}

func (h *house) project(p ledger.Principal, name string) projects.Project {
	h.Helper()
	out, _, err := h.Projects.Create(h.Context(), p, name)
	h.check(err)
	return out
}

func (h *house) member(p ledger.Principal, project, userID string, role projects.Role) {
	h.Helper()
	_, err := h.AddMember(h.Context(), p, project, userID, role)
	h.check(err)
}

func (h *house) mint(p ledger.Principal, req tokens.MintRequest) tokens.Minted {
	h.Helper()
	out, err := h.Tokens.Mint(h.Context(), p, req)
	h.check(err)
	return out
}

func (h *house) revision() uint64 {
	h.Helper()
	pos, err := h.Followers.Position(h.Context())
	h.check(err)
	return pos.Revision
}

// after is where a verifier stands that has applied a revision of the present history.
func (h *house) after(revision uint64) feed.Position {
	h.Helper()
	at, err := h.Followers.Position(h.Context())
	h.check(err)
	if at.Revision = revision; revision > at.Chain.Revision() {
		at.Chain = feed.NewChain(revision, [32]byte{1})
	}
	return at
}

// Changes is that of the service, after a revision of the present history.
func (h *house) Changes(ctx context.Context, after uint64, limit int) ([]feed.ChangeSet, error) {
	h.Helper()
	return h.Service.Followers.Changes(ctx, h.after(after), limit)
}

// forAll is a request for a token to all projects that never expires.
func forAll(label string) tokens.MintRequest {
	return tokens.MintRequest{Label: label, Scope: tokens.ScopeAll, Life: tokens.LifeNever}
}

// forSome is a request for a token to some projects that lives for 30 days.
func forSome(label string, projects ...string) tokens.MintRequest {
	return tokens.MintRequest{Label: label, Scope: tokens.ScopeChosen, Projects: projects, Life: tokens.Life30}
}

// logged is an entry of the change log as it is stored.
type logged struct {
	Time time.Time
	Refs []struct{ Kind, ID string }
}

// trail is all that was written down so far.
type trail struct {
	rows []audit.Event // oldest first
	log  []logged
}

func (h *house) trail() (t trail) {
	h.Helper()
	h.check(h.store.View(h.Context(), func(r kv.Reader) (err error) {
		t, err = readTrail(r)
		return err
	}))
	return t
}

func readTrail(r kv.Reader) (t trail, err error) {
	if t.rows, err = audit.All(r, 0, 0); err != nil {
		return t, err
	}
	slices.Reverse(t.rows)
	pairs, err := r.Scan([]byte("issuer/log/"), nil, 0, false)
	if err != nil {
		return t, err
	}
	t.log = make([]logged, len(pairs))
	for i, p := range pairs {
		if err := json.Unmarshal(p.Value, &t.log[i]); err != nil {
			return t, err
		}
	}
	return t, nil
}

// wrote runs do, which is to succeed, and holds what it wrote down against want:
// the audit rows as "kind account project", then, if anything changed, a line
// "log kind id …" for each entry of the change log. names stand for ids.
func (h *house) wrote(names map[string]string, do func() error, want ...string) []audit.Event {
	h.Helper()
	before := h.trail()
	h.check(do())
	after := h.trail()
	rows, entries := after.rows[len(before.rows):], after.log[len(before.log):]
	short := func(id string) string {
		for name, full := range names {
			if full == id {
				return name
			}
		}
		return map[string]string{aliceID: "alice", bobID: "bob", carolID: "carol", rootID: "root", "": "-"}[id]
	}
	var got []string
	for _, e := range rows {
		got = append(got, fmt.Sprintf("%s %s %s", e.Kind, short(e.Account), short(e.Project)))
		if !e.Time.Equal(h.clock.Now()) || e.Actor.IP != "203.0.113.9" || e.Actor.Username == "" {
			h.Errorf("row %s of %v is by %+v", e.Kind, e.Time, e.Actor)
		}
	}
	for _, e := range entries {
		line := "log"
		for _, f := range e.Refs {
			line += " " + f.Kind + " " + short(f.ID)
		}
		got = append(got, line)
		if !e.Time.Equal(h.clock.Now()) {
			h.Errorf("log entry of %v", e.Time)
		}
	}
	if !slices.Equal(got, want) {
		h.Errorf("wrote\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	return rows
}

// refused runs do, which is to fail with want, and sees that nothing was written.
// want is an error, or a text like "label: label_required; life: life_required".
func (h *house) refused(want any, do func() error) {
	h.Helper()
	before := h.trail()
	err := do()
	switch want := want.(type) {
	case error:
		if !errors.Is(err, want) {
			h.Errorf("error %v, want %v", err, want)
		}
	case string:
		var ps problem.Problems
		if !errors.As(err, &ps) || ps.Error() != want {
			h.Errorf("error %v, want problems %s", err, want)
		}
	}
	after := h.trail()
	if len(before.rows) != len(after.rows) || len(before.log) != len(after.log) {
		h.Error("a refused change left a trace")
	}
}

// AddMember gives a user a role in a project that p owns, with what an accepted invitation writes.
func (h *house) AddMember(ctx context.Context, p ledger.Principal, project, userID string, role projects.Role) (uint64, error) {
	return addMember(ctx, h.Service, p, project, userID, role)
}

func addMember(ctx context.Context, s *issuer.Service, p ledger.Principal, project, userID string, role projects.Role) (uint64, error) {
	return s.Projects.Manage(ctx, p, project, func(c *ledger.Change, rec projects.Record) error {
		user, err := ledger.ReadUser(c, userID)
		if err != nil {
			return err
		}
		rec.Members[userID] = projects.MemberRecord{Role: role, Since: c.Now}
		var head map[string]any
		if err := kv.GetJSON(c, "issuer/head/"+rec.ID, &head); err != nil {
			return err
		}
		owners := 0
		for _, m := range rec.Members {
			if m.Role == projects.RoleOwner {
				owners++
			}
		}
		head["Members"], head["Owners"] = len(rec.Members), owners
		detail := map[string]string{"project": rec.Name, "user": user.Name, "role": string(role)}
		c.Changed(ledger.KindProject, rec.ID)
		return errors.Join(
			kv.PutJSON(c, "issuer/project/"+rec.ID, rec), kv.PutJSON(c, "issuer/head/"+rec.ID, head),
			c.Put([]byte("issuer/role/"+userID+"/"+rec.ID), []byte(role)), c.Notify(p, notices.RoleGained, userID, detail),
			c.Audit(p, audit.Event{Kind: "project.member_added", Account: userID, Project: rec.ID, Detail: detail}),
		)
	})
}
