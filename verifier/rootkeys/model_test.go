package rootkeys

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier"
)

// model is what a store says, as a plain map would say it.
type model struct {
	users    map[string]User
	projects map[string]Project
	tokens   map[string]Token
}

func newModel() *model {
	return &model{map[string]User{}, map[string]Project{}, map[string]Token{}}
}

func (m *model) clone() *model {
	return &model{maps.Clone(m.users), maps.Clone(m.projects), maps.Clone(m.tokens)}
}

func (m *model) take(changes []Change) {
	for _, c := range changes {
		switch {
		case c.User != nil:
			m.users[c.User.ID] = *c.User
		case c.Project != nil:
			if !m.projects[c.Project.ID].Deleted {
				m.projects[c.Project.ID] = *c.Project
			}
		case c.Token != nil:
			if old := m.tokens[c.Token.ID]; old.RevokedAt.IsZero() || !c.Token.RevokedAt.IsZero() {
				m.tokens[c.Token.ID] = *c.Token
			}
		}
	}
}

// lookup is what Store.Lookup has to say.
func (m *model) lookup(id, project string) (rec verifier.Record, err error) {
	t, ok := m.tokens[id]
	if !ok {
		return rec, verifier.ErrUnknownToken
	}
	u, ok := m.users[t.UserID]
	if !ok {
		return rec, ErrDamaged
	}
	rec = verifier.Record{
		Location: t.Location, UserID: t.UserID, UserName: u.Name, UserFrozen: u.Frozen, Caveats: t.Caveats, Signature: [32]byte(t.Signature),
		Restrictions: t.Restrictions, ExpiresAt: t.ExpiresAt, RevokedAt: t.RevokedAt, RevokedWhy: t.RevokedWhy, Job: t.Job,
	}
	for _, p := range m.projects {
		if p.Name != project || p.Deleted {
			continue
		}
		if rec.Project.ID != "" {
			return verifier.Record{}, ErrFilling
		}
		role := p.Members[t.UserID]
		rec.Project = verifier.Project{ID: p.ID, Name: p.Name, Member: role == "owner" || role == "maintainer" || role == feed.RolePublishers && t.Job, JobsOnly: role == feed.RolePublishers, Archived: role == feed.RoleArchived, Quarantined: role == feed.RoleQuarantined}
	}
	return rec, nil
}

// world draws changes that an issuer could tell.
type world struct {
	r      *rand.Rand
	t      testing.TB
	tokens int
}

func (w *world) userID() string {
	return fmt.Sprintf("00000000-0000-4000-8000-0000000010%02x", w.r.IntN(12))
}
func (w *world) projectID() string {
	return fmt.Sprintf("00000000-0000-4000-8000-0000000020%02x", w.r.IntN(10))
}
func (w *world) name() string { return fmt.Sprintf("project-%d", w.r.IntN(12)) }

// tokenID draws from ids that lie close together, of which many have the same first half.
func (w *world) tokenID() string {
	n := w.r.IntN(w.tokens)
	return fmt.Sprintf("01900000-0000-7000-8%03x-%08x%04x", n%3, n*2654435761%(1<<32), n)
}

func (w *world) change() Change {
	switch k := w.r.IntN(10); {
	case k < 2:
		u := User{ID: w.userID(), Frozen: w.r.IntN(5) == 0}
		u.Name = "user-" + u.ID[34:] // mostly the same
		if w.r.IntN(10) == 0 {
			u.Name = fmt.Sprintf("user-%d", w.r.IntN(4))
		}
		return Change{User: &u}
	case k < 5:
		p := Project{ID: w.projectID(), Name: w.name(), Members: map[string]string{}, Deleted: w.r.IntN(12) == 0}
		if w.r.IntN(5) > 0 {
			p.Name = "project-" + p.ID[35:]
		}
		roles := []string{"owner", "maintainer", "reader", feed.RoleArchived, feed.RoleQuarantined, feed.RolePublishers}
		for range w.r.IntN(6) {
			p.Members[w.userID()] = roles[w.r.IntN(len(roles))]
		}
		if w.r.IntN(4) == 0 {
			for _, id := range crowd() {
				p.Members[id] = "owner"
			}
		}
		return Change{Project: &p}
	}
	user := w.userID()
	t := Token{ID: w.tokenID(), UserID: user, Location: "packages.example.org", Signature: make([]byte, 32), Caveats: [][]byte{caveats.User(user).Append(nil)}}
	t.Job = w.r.IntN(3) == 0
	t.Signature[w.r.IntN(32)] = byte(1 + w.r.IntN(255))
	if w.r.IntN(4) > 0 {
		t.Caveats = append(t.Caveats, caveats.ProjectNames{w.name()}.Append(nil))
	}
	if w.r.IntN(30) == 0 { // larger than a chunk
		t.Restrictions = [][]byte{make([]byte, 4000), make([]byte, 3000)}
	}
	if w.r.IntN(5) == 0 {
		t.RevokedAt, t.RevokedWhy = time.UnixMilli(1800000000_000), "by its owner"
	}
	if w.r.IntN(2) == 0 {
		t.ExpiresAt = time.UnixMilli(1900000000_000 + w.r.Int64N(1000))
	}
	return Change{Token: &t}
}

func (w *world) changes(most int) (cs []Change) {
	for range 1 + w.r.IntN(most) {
		cs = append(cs, w.change())
	}
	return cs
}

// agree looks up one token for one project in both.
func (w *world) agree(s *Store, m *model) {
	w.t.Helper()
	id, name := w.tokenID(), w.name()
	if w.r.IntN(10) == 0 {
		name = ""
	}
	got, err := s.Lookup(context.Background(), id, name)
	want, wantErr := m.lookup(id, name)
	if wantErr != nil || err != nil {
		if !errors.Is(err, wantErr) || wantErr == nil {
			w.t.Fatalf("token %s for %q: %v, want %v", id, name, err, wantErr)
		}
		return
	}
	if !reflect.DeepEqual(got, want) {
		w.t.Fatalf("token %s for %q is\n%+v, want\n%+v", id, name, got, want)
	}
}

// TestStoreIsAPlainMap runs random histories over a store and a plain map: what either says
// is the same, over commits, reopening, fills, copies, keys, and hints and locations that are wrong.
func TestStoreIsAPlainMap(t *testing.T) {
	fast := 0
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &world{r: rand.New(rand.NewPCG(seed, 7)), t: t, tokens: 400}
			fast += walkHistory(w, 250)
		})
	}
	if fast < 20 {
		t.Errorf("%d tokens go the fast way: the histories show little of it", fast)
	}
}

func walkHistory(w *world, steps int) (fast int) {
	t, ctx := w.t, context.Background()
	path, key := storePath(t), testKey
	s, err := Open(path, Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.Close() }()
	m, epoch := newModel(), uint64(1)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	head := func(revision uint64) Position { return Position{Issuer: issuerID, Epoch: epoch, Revision: revision} }
	must(s.Apply(ctx, head(0), nil))
	for step := range steps {
		next := s.Position().Revision + 1
		switch k := w.r.IntN(40); {
		case k == 0:
			must(s.Close())
			s, err = Open(path, Options{Key: key})
			if err != nil {
				t.Fatal(err)
			}
		case k == 1:
			filled := newModel()
			f, err := s.BeginFill(ctx, head(next+1))
			must(err)
			f.bounds = bounds{[...]int{w.r.IntN(8000), w.r.IntN(4000)}, 1 + w.r.IntN(4)}
			for range 3 {
				cs := w.changes(60)
				must(f.Add(ctx, cs))
				filled.take(cs)
				w.agree(s, m)
			}
			if w.r.IntN(3) == 0 {
				must(f.Drop(ctx))
				continue
			}
			must(f.Commit(ctx))
			m = filled
		case k == 2:
			key = []byte{testKey[0], newKey[0]}
			key = append(key, slices.Repeat([]byte{byte(step)}, KeySize-2)...)
			must(s.Rotate(ctx, key))
		case k == 3:
			copied := filepath.Join(t.TempDir(), "copy.db")
			must(s.CopyTo(ctx, copied, nil))
			c, err := Open(copied, Options{Key: key, ReadOnly: true})
			must(err)
			for range 20 {
				w.agree(c, m)
			}
			must(c.Close())
		case k == 4:
			wrongHints(w.r, s)
			wrongLocations(w.r, s)
		case k == 5 && w.r.IntN(3) == 0:
			epoch, m = epoch+1, newModel()
			must(s.Apply(ctx, head(0), nil))
		default:
			cs := w.changes(12)
			if w.r.IntN(20) == 0 {
				cs = w.changes(500)
			}
			must(s.Apply(ctx, head(next), []ChangeSet{set(next, cs...)}))
			m.take(cs)
		}
		for range 12 {
			w.agree(s, m)
		}
		if step%5 == 4 {
			fast += fastEqualsSlow(t, s)
		}
	}
	return fast
}

// wrongHints sends lookups to anywhere in the file and behind it.
func wrongHints(r *rand.Rand, s *Store) {
	m := s.moment.Load()
	for table := range m.tables {
		for _, b := range m.tables[table].blocks {
			for i := range b.entries {
				switch r.IntN(3) {
				case 0:
					b.entries[i].hint.Store(r.Uint32N(1 << 14))
				case 1:
					b.entries[i].hint.Store(1<<32 - 1 - r.Uint32N(1<<10))
				}
			}
		}
	}
}

// fastEqualsSlow looks up all tokens with the bits of memberships and without: the same.
func fastEqualsSlow(t testing.TB, s *Store) (fast int) {
	t.Helper()
	m := s.moment.Load()
	type asked struct{ id, name string }
	first := map[asked]verifier.Record{}
	opened(t, s, func(table int, id recordID, content []byte) {
		var rec tokenRecord
		if table != tokensTable || rec.decode(content) != nil || rec.flags&hasCopy == 0 {
			return
		}
		if m.holds(rec.copied.member) {
			fast++
		}
		a := asked{uuidText(id[:]), string(rec.copied.name)}
		if got, err := s.Lookup(context.Background(), a.id, a.name); err == nil {
			first[a] = got
		}
	})
	slow := *m
	slow.bits = nil
	if err := dbOf(s).View(func(tx *bbolt.Tx) error { slow.tx = uint64(tx.ID()); return nil }); err != nil {
		t.Fatal(err)
	}
	s.readers.stop()
	s.moment.Store(&slow)
	s.readers.start()
	for a, want := range first {
		if got, err := s.Lookup(context.Background(), a.id, a.name); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("token %s for %s: %v\n%+v, want\n%+v", a.id, a.name, err, got, want)
		}
	}
	s.readers.stop()
	s.moment.Store(m)
	s.readers.start()
	return fast
}
