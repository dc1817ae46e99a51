package rootkeys

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rind-dev/rind/verifier"
)

// crowded are projects with so many members each, all of the same users.
func crowded(projects, users int) (all []Change) {
	var names []string
	for n := range users {
		id := fmt.Sprintf("00000000-0000-4000-8000-%012x", 0x5000+n)
		names = append(names, id)
		all = append(all, user(id, fmt.Sprint("user", n)))
	}
	for n := range projects {
		all = append(all, project(fmt.Sprintf("00000000-0000-4000-8000-%012x", 0x9000+n), fmt.Sprint("crowd", n), names...))
	}
	return all
}

// TestFillKeepsFewChunksOpen: however much a snapshot has, bbolt has in memory what one bounded
// transaction writes, and what waits is bounded.
func TestFillKeepsFewChunksOpen(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s)
	f := beginFill(t, s, headAt(2))
	f.bounds = bounds{[...]int{64 << 10, 64 << 10}, 16}
	records := crowded(60, 100)
	for n := range 3000 {
		records = append(records, tokenChange(t, n))
	}
	records = append(records, user(alice, "alice"), project(first, "demo", alice))
	most := 0
	for part := range slices.Chunk(records, 50) {
		add(t, f, part...)
		for table := range f.pending {
			most = max(most, f.pending[table].bytes)
		}
	}
	commit(t, f)
	chunks := 0
	for _, table := range s.moment.Load().tables {
		for _, b := range table.blocks {
			chunks += len(b.entries)
		}
	}
	if chunks < 10*f.bounds.chunks {
		t.Fatalf("%d chunks in all show nothing", chunks)
	}
	if f.most > 2*f.bounds.chunks || most > 64<<10 {
		t.Errorf("one transaction wrote %d of %d chunks, and %d bytes waited", f.most, chunks, most)
	}
	for _, n := range []int{0, 1500, 2999} {
		if rec := lookup(t, s, n, "demo"); !rec.Project.Member {
			t.Errorf("token %d: %+v", n, rec)
		}
	}
	if _, err := s.Lookup(context.Background(), tokenID(3000), "demo"); !errors.Is(err, verifier.ErrUnknownToken) {
		t.Error(err)
	}
}

// TestMembersStandTogether: a change of a project with many members touches few chunks, in a store
// that has very many.
func TestMembersStandTogether(t *testing.T) {
	s := open(t, storePath(t))
	records := crowded(40, 300)
	apply(t, s, records...)
	stamps := func() map[uint64]int {
		all := map[uint64]int{}
		for _, b := range s.moment.Load().tables[othersTable].blocks {
			for i := range b.entries {
				all[b.entries[i].stamp]++
			}
		}
		return all
	}
	chunks := stamps()[s.moment.Load().mark]
	p := *records[len(records)-1].Project
	p.Members = maps.Clone(p.Members)
	for id := range p.Members {
		p.Members[id] = "reader"
	}
	apply(t, s, Change{Project: &p})
	if now := stamps()[s.moment.Load().mark]; now > chunks/10 {
		t.Errorf("300 members of one project are in %d chunks of %d", now, chunks)
	}
}

// TestApplyEndsATransactionInTime: a call with very many changes commits them in several
// transactions, each with whole sets, and an error leaves the store behind one of them.
func TestApplyEndsATransactionInTime(t *testing.T) {
	s := open(t, storePath(t))
	var sets []ChangeSet
	for r := range uint64(5) {
		var changes []Change
		for n := range 5000 {
			changes = append(changes, Change{User: &User{ID: fmt.Sprintf("00000000-0000-4000-9000-%08x%04x", n, r), Name: "somebody"}})
		}
		sets = append(sets, set(r+1, changes...))
	}
	sets[4].Changes = append(sets[4].Changes, Change{})
	before := s.moment.Load().tx
	if err := s.Apply(context.Background(), headAt(5), sets); err == nil {
		t.Error("a change of nothing is taken")
	}
	if at := s.Position().Revision; at != 4 {
		t.Errorf("at %d", at)
	}
	if n := s.moment.Load().tx - before; n != 2 {
		t.Errorf("%d transactions", n)
	}
	sets[4].Changes = sets[4].Changes[:5000]
	if err := s.Apply(context.Background(), headAt(5), sets); err != nil || s.Position().Revision != 5 {
		t.Error(s.Position(), err)
	}
}

// TestUsersOfManyProjects: who joins and leaves hundreds of projects is known in each, and is in
// the lists once for each.
func TestUsersOfManyProjects(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	s := open(t, storePath(t))
	tok, _ := minted(t, 1, alice)
	apply(t, s, user(alice, "alice"), Change{Token: tok})
	name := func(n int) string { return fmt.Sprint("many", n) }
	idOf := func(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012x", 0x9000+n) }
	is := map[int]bool{}
	for round := range 30 {
		var changes []Change
		for range 60 {
			n := r.IntN(260)
			is[n] = r.IntN(30) > round || r.IntN(2) == 0
			if is[n] {
				changes = append(changes, project(idOf(n), name(n), alice, bob))
			} else {
				changes = append(changes, project(idOf(n), name(n), bob))
			}
		}
		if round == 20 {
			changes = append(changes, user(alice, "alicia"))
		}
		apply(t, s, changes...)
		err := s.update(context.Background(), func(w *writer) error {
			u, err := w.userRecord(id(t, alice))
			if err != nil {
				return err
			}
			all, err := w.projectsOf(id(t, alice), u)
			got, want := map[[16]byte]bool{}, 0
			for _, p := range all {
				got[p] = true
			}
			for n, member := range is {
				if member {
					want++
				}
				if got[id(t, idOf(n))] != member {
					t.Fatalf("round %d: project %d: %v", round, n, member)
				}
			}
			if len(all) != want || len(u.projects) >= perList || u.lists != uint64(want/perList) {
				t.Fatalf("round %d: %d projects, %d lists and %d, want %d", round, len(all), u.lists, len(u.projects), want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	apply(t, s, Change{User: &User{ID: alice, Name: "alicia", Frozen: true}})
	for n, member := range is {
		if rec := lookup(t, s, 1, name(n)); rec.Project.Member != member || !rec.UserFrozen || rec.UserName != "alicia" {
			t.Errorf("project %d: %+v", n, rec)
		}
	}
	if s.moment.Load().holds(0) {
		t.Error("a membership of a frozen user holds")
	}
}

// TestOverlayIsAMap: in any order of its changes.
func TestOverlayIsAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		var o overlay
		want := map[recordID]string{}
		for n := range 1 + r.IntN(100) {
			id := idOf(uint64(r.IntN(4)), uint64(r.IntN(40)))
			if round%2 == 0 {
				id = idOf(0, uint64(n/2)) // in order, each twice
			}
			var content []byte
			if r.IntN(4) > 0 {
				content = fmt.Append([]byte{}, round, n)
			}
			o.set(id, content)
			want[id] = string(content)
		}
		bytes := 0
		for id, content := range want {
			got, ok := o.get(&id)
			if !ok || string(got) != content || (got == nil) != (content == "") {
				t.Fatalf("%x is %q, %v, want %q", id, got, ok, content)
			}
			bytes += perRecord + sealSize + len(id) + len(content)
		}
		other := idOf(9, 9)
		_, ok := o.get(&other)
		if ok || o.bytes != bytes {
			t.Fatalf("%d bytes, want %d", o.bytes, bytes)
		}
		list := o.sorted()
		if len(list) != len(want) || !slices.IsSortedFunc(list, func(a, b record) int { return compareIDs(&a.id, &b.id) }) {
			t.Fatalf("%v", list)
		}
	}
}

// TestParallelDoesEachOnce: whatever the number and the grain.
func TestParallelDoesEachOnce(t *testing.T) {
	for n := range 70 {
		for _, grain := range []int{1, 4, 64} {
			done := make([]int, n)
			parallel(n, grain, func(worker, i int) {
				if worker < 0 || worker >= maxWorkers {
					t.Errorf("worker %d", worker)
				}
				done[i]++
			})
			for i, times := range done {
				if times != 1 {
					t.Fatalf("%d of %d was done %d times", i, n, times)
				}
			}
		}
	}
}

// TestCopiesAreMadeOnce: for tokens of many owners, which come in turns as in a snapshot.
func TestCopiesAreMadeOnce(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s)
	f := beginFill(t, s, headAt(2))
	add(t, f, user(alice, "alice"), user(bob, "bob"), project(first, "demo", alice, bob))
	number := 0
	turns := func() {
		t.Helper()
		for range 3 {
			var tokens []Change
			for range 4 {
				tok, _ := minted(t, number, []string{alice, bob}[number%2], demoOnly)
				tokens, number = append(tokens, Change{Token: tok}), number+1
			}
			add(t, f, tokens...)
		}
	}
	turns()
	before := maps.Clone(f.copies.all)
	turns()
	if len(before) != 2 || !maps.Equal(before, f.copies.all) {
		t.Errorf("%v, then %v", before, f.copies.all)
	}
	add(t, f, user(alice, "alicia"))
	turns()
	if maps.Equal(before, f.copies.all) {
		t.Error("a copy of an old name is used")
	}
	if err := f.Add(context.Background(), []Change{user(bob, "bobby"), tokenChange(t, 0), {}}); err == nil || len(f.copies.all) > 0 {
		t.Errorf("%v; copies of what was not taken: %v", err, f.copies.all)
	}
	commit(t, f)
	for n, name := range map[int]string{0: "alicia", number - 1: "bob", number - 2: "alicia"} {
		if rec := lookup(t, s, n, "demo"); rec.UserName != name || !rec.Project.Member {
			t.Errorf("token %d: %+v", n, rec)
		}
	}
	if fastEqualsSlow(t, s) == 0 {
		t.Error("no token goes the fast way")
	}
}
