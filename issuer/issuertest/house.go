// Package issuertest sets up an issuer on a real store for the tests of its packages. It has users, a clock that tests set,
// a store that fails, a verifier that follows the issuer, and checks of what a change wrote.
package issuertest

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/audit/audittest"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/kvtest"
	"github.com/rind-dev/rind/internal/kv/teststore"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// The host name of a House, and the ids of its users; no user has NobodyID.
const (
	Location = "packages.example.org"
	AliceID  = "00000000-0000-4000-8000-0000000000aa"
	BobID    = "00000000-0000-4000-8000-0000000000ab"
	CarolID  = "00000000-0000-4000-8000-0000000000ac"
	RootID   = "00000000-0000-4000-8000-0000000000ad"
	NobodyID = "00000000-0000-4000-8000-0000000000ae"
)

// Start is the first time of a House's Clock. It has a fraction of a second, as real times do.
var Start = time.Unix(1800000000, 123456789).UTC()

// Who returns the principal of a signed-in user.
func Who(id, name string) ledger.Principal {
	return ledger.Principal{UserID: id, Username: name, Actor: audit.Actor{IP: "203.0.113.9", Factor: "totp", RequestID: "r1"}}
}

// The users of a House; Root is an administrator.
var (
	Alice = Who(AliceID, "alice")
	Bob   = Who(BobID, "bob")
	Carol = Who(CarolID, "carol")
	Root  = func() ledger.Principal { p := Who(RootID, "root"); p.Admin = true; return p }()
)

// Clock is a clock that tests set.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns the time of the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set sets the time.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// Add moves the clock forward.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Directory implements projects.People for the users of a House.
type Directory struct {
	Names     map[string]string // id by name
	Addresses map[string]string // verified address by id
	Cleared   map[string]uint64 // how often others were locked out of the account, by id
}

// Generation implements projects.People.
func (d *Directory) Generation(_ kv.Reader, id string) (uint64, error) { return d.Cleared[id], nil }

// UserNamed implements projects.People.
func (d *Directory) UserNamed(_ kv.Reader, name string) (string, error) {
	return d.Names[strings.ToLower(name)], nil
}

// VerifiedAddress implements projects.People.
func (d *Directory) VerifiedAddress(_ kv.Reader, id string) (string, error) {
	return d.Addresses[id], nil
}

// House is an issuer on a real store, with four users.
type House struct {
	testing.TB
	*issuer.Service
	Store  kv.Store
	Path   string // of the store's file
	Clock  *Clock
	NewID  func() (string, error) // makes ids if set
	People *Directory
}

// Sealer returns a sealer that always has the same key.
func Sealer(t testing.TB) *seal.Sealer {
	t.Helper()
	s, err := seal.New([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// New opens an issuer in a new folder; options change its configuration.
func New(t testing.TB, options ...func(*issuer.Config)) *House {
	t.Helper()
	h := &House{TB: t, Path: filepath.Join(t.TempDir(), "issuer.db"), Clock: &Clock{now: Start}, People: &Directory{
		Names:     map[string]string{"alice": AliceID, "bob": BobID, "carol": CarolID, "root": RootID},
		Addresses: map[string]string{AliceID: "Alice@example.org", BobID: "bob@example.org", CarolID: "carol@example.org"},
	}}
	h.Open(options...)
	t.Cleanup(func() { h.Check(h.Store.Close()) })
	rows.Watch(t, func() kv.Store { return h.Store })
	for _, p := range []ledger.Principal{Alice, Bob, Carol, Root} {
		h.Record(p.UserID, p.Username, false)
	}
	return h
}

// In returns the House for a subtest of the test that made it.
func (h *House) In(t testing.TB) *House {
	in := *h
	in.TB = t
	return &in
}

// Open opens the store of the House, which has to be closed, and makes an issuer on it.
func (h *House) Open(options ...func(*issuer.Config)) {
	h.Helper()
	store, err := teststore.Open(h, h.Path)
	h.Check(err)
	cfg := issuer.Config{Store: store, Sealer: Sealer(h), Location: Location, Clock: h.Clock.Now, People: h.People, ProjectsDaily: 1 << 20}
	cfg.NewID = func() (string, error) {
		if h.NewID != nil {
			return h.NewID()
		}
		return ledger.NewUUID(h.Clock.Now(), rand.Reader)
	}
	for _, o := range options {
		o(&cfg)
	}
	if cfg.Store == kv.Store(store) { // no option has wrapped the store in a test double, which may count transactions
		cfg.Store = kvtest.Again(store)
	}
	h.Store = store
	h.Service, err = issuer.New(cfg)
	h.Check(err)
}

// Check fails the test at once if err is not nil.
func (h *House) Check(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// Record records a new or changed user, as the package that manages accounts does.
func (h *House) Record(id, name string, frozen bool) {
	h.Helper()
	h.Check(h.Store.Update(h.Context(), func(tx kv.Tx) error { return h.Ledger.RecordUser(tx, id, name, frozen) }))
}

// Project makes a project.
func (h *House) Project(p ledger.Principal, name string) projects.Project {
	h.Helper()
	out, _, err := h.Projects.Create(h.Context(), p, name)
	h.Check(err)
	return out
}

// Member is AddMember, and fails the test at an error.
func (h *House) Member(p ledger.Principal, project, userID string, role projects.Role) {
	h.Helper()
	_, err := h.AddMember(h.Context(), p, project, userID, role)
	h.Check(err)
}

// Mint makes a token.
func (h *House) Mint(p ledger.Principal, req tokens.MintRequest) tokens.Minted {
	h.Helper()
	out, err := h.Tokens.Mint(h.Context(), p, req)
	h.Check(err)
	return out
}

// Revision returns the revision of the last change.
func (h *House) Revision() uint64 {
	h.Helper()
	pos, err := h.Followers.Position(h.Context())
	h.Check(err)
	return pos.Revision
}

// After returns the position of a verifier that has applied a revision of the current history.
func (h *House) After(revision uint64) feed.Position {
	h.Helper()
	at, err := h.Followers.Position(h.Context())
	h.Check(err)
	at.Revision = revision
	if revision > at.Chain.Revision() {
		at.Chain = feed.NewChain(revision, [32]byte{1})
	}
	return at
}

// Changes calls Followers.Changes for the changes after a revision of the current history.
func (h *House) Changes(ctx context.Context, after uint64, limit int) ([]feed.ChangeSet, error) {
	h.Helper()
	return h.Service.Followers.Changes(ctx, h.After(after), limit)
}

// ForAll returns a request for a token that is for all projects and never expires.
func ForAll(label string) tokens.MintRequest {
	return tokens.MintRequest{Label: label, Scope: tokens.ScopeAll, Life: tokens.LifeNever}
}

// ForSome returns a request for a token that is for some projects and lives 30 days.
func ForSome(label string, projects ...string) tokens.MintRequest {
	return tokens.MintRequest{Label: label, Scope: tokens.ScopeChosen, Projects: projects, Life: tokens.Life30}
}

// AddMember gives a user a role in a project that p owns, and writes what an accepted invitation writes.
func (h *House) AddMember(ctx context.Context, p ledger.Principal, project, userID string, role projects.Role) (uint64, error) {
	return AddMember(ctx, h.Service, p, project, userID, role)
}

// AddMember is House.AddMember for any Service.
func AddMember(ctx context.Context, s *issuer.Service, p ledger.Principal, project, userID string, role projects.Role) (uint64, error) {
	return s.Projects.Manage(ctx, p, project, func(c *ledger.Change, rec projects.Record) error {
		user, err := ledger.ReadUser(c, userID)
		if err != nil {
			return err
		}
		rec.Members[userID] = projects.MemberRecord{Role: role, Since: c.Now}
		var head map[string]any
		err = kv.GetJSON(c, "issuer/head/"+rec.ID, &head)
		if err != nil {
			return err
		}
		owners := 0
		for _, m := range rec.Members {
			if m.Role == projects.RoleOwner {
				owners++
			}
		}
		head["members"], head["owners"] = len(rec.Members), owners
		detail := map[string]string{"project": rec.Name, "user": user.Name, "role": string(role)}
		c.Changed(ledger.KindProject, rec.ID)
		return errors.Join(
			kv.PutJSON(c, "issuer/project/"+rec.ID, rec), kv.PutJSON(c, "issuer/head/"+rec.ID, head),
			c.Put([]byte("issuer/role/"+userID+"/"+rec.ID), []byte(role)), c.Notify(p, notices.RoleGained, userID, notices.Details{Project: rec.Name, Role: string(role)}),
			c.Audit(p, audit.Event{Kind: "project.member_added", Account: userID, Project: rec.ID, Detail: detail}),
		)
	})
}

// Rows returns the audit rows that do writes.
func (h *House) Rows(do func()) (out []audit.Event) {
	h.Helper()
	before := len(h.Trail().Rows)
	do()
	return h.Trail().Rows[before:]
}

// Deletes deletes a project.
func (h *House) Deletes(p ledger.Principal, project string) tokens.Deletion {
	h.Helper()
	d, err := h.Tokens.DeleteProject(h.Context(), p, project, project)
	h.Check(err)
	return d
}

// Verifier registers a verifier, and returns it with its secret.
func (h *House) Verifier(name string) (followers.Verifier, string) {
	h.Helper()
	v, secret, err := h.Followers.RegisterVerifier(h.Context(), Root, name)
	h.Check(err)
	return v, secret
}

// Invite invites somebody to a project.
func (h *House) Invite(p ledger.Principal, project, to string, role projects.Role) projects.Invited {
	h.Helper()
	out, err := h.Projects.Invite(h.Context(), p, project, projects.InviteRequest{To: to, Role: role})
	h.Check(err)
	return out
}

// Pending returns the invitations to a project as text, as its owner p sees them.
func (h *House) Pending(p ledger.Principal, project string) string {
	h.Helper()
	list, err := h.Projects.Invitations(h.Context(), p, project)
	h.Check(err)
	return Invitations(list)
}

// Offered returns the invitations that p can accept as text.
func (h *House) Offered(p ledger.Principal) string {
	h.Helper()
	list, err := h.Projects.InvitationsFor(h.Context(), p)
	h.Check(err)
	return Invitations(list)
}

// rows collects the kinds of audit rows that the tests of a package write.
var rows audittest.Coverage

// Watch collects the kinds of rows of a store that does not belong to a House.
func Watch(t testing.TB, store func() kv.Store) { rows.Watch(t, store) }

// Main runs the tests of a package for its TestMain. For each kind of audit row that the package writes, one of them has to
// write one; room is the name of the package in audit.Kind.
func Main(m *testing.M, room string) int { return rows.Run(m, room) }
