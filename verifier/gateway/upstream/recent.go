package upstream

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/dist"
)

const (
	recentLife  = 250 * time.Millisecond // for which a list counts, from the moment on when it was asked for
	recentNames = 20_000                 // most names and identities of a list that is remembered: some 1 MiB
	lateTime    = 10 * time.Second       // in which an index lists a file that it said it has taken
)

// recent remembers which names the lists of projects had that were just read, and which the gateway has passed on since. It answers one
// question only: whether the index lacks a file.
type recent struct {
	life    time.Duration
	unknown time.Duration // for which a file counts as passed on if it is not known what became of it

	mu        sync.Mutex
	byProject map[string]*recentProject // those with a list, or a file that is passed on
}

// recentProject is what is known of a project.
type recentProject struct {
	passing map[fileKeys]int // files that are passed on, or were up to two minutes ago, and how often
	open    []*listedNames   // of lists that are being read
	last    *listedNames     // of the list that was asked for last; nil: none, or too long ago
}

// fileKeys are what names of files are remembered and compared by.
type fileKeys struct {
	name     string
	identity string // what equivalent names have in common: never ""
}

// keysOf returns those of a project's file.
func keysOf(name, project string) fileKeys {
	identity := dist.Identity(name, project)
	if identity == "" {
		identity = strings.ToLower(name)
	}
	return fileKeys{name, identity}
}

// listedNames are those of one list, and of the files that were passed on while or after it was asked for. Only hashes are kept: two
// that are equal by chance cost a question to the index, no more.
type listedNames struct {
	by     *sharedLists // whose list it is: another Upstream may ask elsewhere, or with another account
	seed   maphash.Seed
	asked  time.Time
	listed map[uint64]struct{} // names and identities; nil: there are too many. Only its reader uses it until the list is remembered.
	passed map[uint64]struct{} // the same of files that were passed on; nil: there are too many
}

// add adds a name of the list.
func (n *listedNames) add(name, identity string) {
	if n.listed == nil {
		return
	}
	n.listed[maphash.String(n.seed, name)] = struct{}{}
	if identity != "" {
		n.listed[maphash.String(n.seed, identity)] = struct{}{}
	}
	if len(n.listed) > recentNames {
		n.listed = nil
	}
}

// addPassed adds a file that is passed on. recent is locked.
func (n *listedNames) addPassed(file fileKeys) {
	if n.passed == nil {
		return
	}
	if len(n.passed) > recentNames {
		n.passed = nil
		return
	}
	n.passed[maphash.String(n.seed, file.name)] = struct{}{}
	n.passed[maphash.String(n.seed, file.identity)] = struct{}{}
}

// lack reports whether neither the list nor what was passed on has the file, or an equivalent one. recent is locked.
func (n *listedNames) lack(file fileKeys) bool {
	if n.passed == nil {
		return false
	}
	for _, key := range [...]string{file.name, file.identity} {
		h := maphash.String(n.seed, key)
		_, listed := n.listed[h]
		_, passed := n.passed[h]
		if listed || passed {
			return false
		}
	}
	return true
}

// project returns what is known of a project. It is locked.
func (r *recent) project(project string) *recentProject {
	p := r.byProject[project]
	if p == nil {
		p = &recentProject{passing: map[fileKeys]int{}}
		r.byProject[project] = p
	}
	return p
}

// tidy forgets a project of which nothing is known. It is locked.
func (r *recent) tidy(project string, p *recentProject) {
	if len(p.passing) == 0 && len(p.open) == 0 && p.last == nil && r.byProject[project] == p {
		delete(r.byProject, project)
	}
}

// lacks reports whether the index has neither the file nor an equivalent one, as far as the gateway can know: a list that by asked for
// within r.life does not have it, and it has not been passed on since.
func (r *recent) lacks(by *sharedLists, project string, file fileKeys) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.byProject[project]
	return p != nil && p.last != nil && p.last.by == by && time.Since(p.last.asked) < r.life && p.last.lack(file)
}

// startPass notes that a file is passed on. endPass says that it was, and how long it may take until lists have it: until then, those that are asked
// for may lack it.
func (r *recent) startPass(project string, file fileKeys) (endPass func(late time.Duration)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.project(project)
	p.passing[file]++
	for _, n := range p.open {
		n.addPassed(file)
	}
	if p.last != nil {
		p.last.addPassed(file)
	}
	end := func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		p.passing[file]--
		if p.passing[file] == 0 {
			delete(p.passing, file)
		}
		r.tidy(project, p)
	}
	return func(late time.Duration) {
		if late > 0 {
			time.AfterFunc(late, end)
			return
		}
		end()
	}
}

// startList notes that a project's list is about to be asked for. Its reader adds the names, and then says with endList whether they are whole.
func (r *recent) startList(by *sharedLists, project string) (n *listedNames, endList func(whole bool)) {
	n = &listedNames{by: by, seed: maphash.MakeSeed(), asked: time.Now(), listed: map[uint64]struct{}{}, passed: map[uint64]struct{}{}}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.project(project)
	if len(p.passing) > recentNames/2 {
		n.passed = nil
	} else {
		for file := range p.passing {
			n.addPassed(file)
		}
	}
	p.open = append(p.open, n)
	return n, func(whole bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		i := slices.Index(p.open, n)
		p.open = slices.Delete(p.open, i, i+1)
		left := r.life - time.Since(n.asked)
		if whole && n.listed != nil && left > 0 && (p.last == nil || p.last.asked.Before(n.asked)) {
			p.last = n
			time.AfterFunc(left, func() { r.forget(project, p, n) })
		}
		r.tidy(project, p)
	}
}

// forget forgets a list.
func (r *recent) forget(project string, p *recentProject, n *listedNames) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.last == n {
		p.last = nil
		r.tidy(project, p)
	}
}
