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
	recentNames = 20_000                 // most names of a list that is remembered: some 1 MiB
)

// recent remembers which names the lists of projects had that were just read, and which the gateway has passed on since. It answers one
// question only: whether the index certainly lacks a file.
type recent struct {
	life time.Duration

	mu        sync.Mutex
	byProject map[string]*recentProject // those with a list, or a file that is passed on
}

// recentProject is what is known of a project.
type recentProject struct {
	passing []keys   // files that are passed on
	open    []*names // of lists that are being read
	last    *names   // of the list that was asked for last; nil: none, or too long ago
}

// keys are what names of files are remembered and compared by.
type keys struct {
	name     string
	identity string // what equivalent names have in common: never ""
}

// keysOf returns those of a project's file.
func keysOf(name, project string) keys {
	identity := dist.Identity(name, project)
	if identity == "" {
		identity = strings.ToLower(name)
	}
	return keys{name, identity}
}

// names are those of one list, and of the files that were passed on while or after it was asked for. Only hashes are kept: two
// that are equal by chance cost a question to the index, no more.
type names struct {
	seed   maphash.Seed
	asked  time.Time
	listed map[uint64]struct{} // names and identities; nil: there are too many. Only its reader uses it until the list is remembered.
	passed map[uint64]struct{} // the same of files that were passed on
}

// add adds a name of the list.
func (n *names) add(name, identity string) {
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

// pass adds a file that is passed on. recent is locked.
func (n *names) pass(file keys) {
	n.passed[maphash.String(n.seed, file.name)] = struct{}{}
	n.passed[maphash.String(n.seed, file.identity)] = struct{}{}
}

// lack reports whether neither the list nor what was passed on has the file, or an equivalent one. recent is locked.
func (n *names) lack(file keys) bool {
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
		p = &recentProject{}
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

// lacks reports whether the index certainly has neither the file nor an equivalent one, as far as the gateway can know: a list that was asked for within
// r.life does not have it, and it has not been passed on since.
func (r *recent) lacks(project string, file keys) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.byProject[project]
	return p != nil && p.last != nil && time.Since(p.last.asked) < r.life && p.last.lack(file)
}

// passes notes that a file is passed on, until done is called: lists that are asked for before that may lack it.
func (r *recent) passes(project string, file keys) (done func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.project(project)
	p.passing = append(p.passing, file)
	for _, n := range p.open {
		n.pass(file)
	}
	if p.last != nil {
		p.last.pass(file)
	}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		p.passing = without(p.passing, file)
		r.tidy(project, p)
	}
}

// asked notes that a project's list is about to be asked for. Its reader adds the names, and then says with ended whether they are whole.
func (r *recent) asked(project string) (n *names, ended func(whole bool)) {
	n = &names{seed: maphash.MakeSeed(), asked: time.Now(), listed: map[uint64]struct{}{}, passed: map[uint64]struct{}{}}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.project(project)
	for _, file := range p.passing {
		n.pass(file)
	}
	p.open = append(p.open, n)
	return n, func(whole bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		p.open = without(p.open, n)
		left := r.life - time.Since(n.asked)
		if whole && n.listed != nil && left > 0 && (p.last == nil || p.last.asked.Before(n.asked)) {
			p.last = n
			time.AfterFunc(left, func() { r.forget(project, p, n) })
		}
		r.tidy(project, p)
	}
}

// forget forgets a list.
func (r *recent) forget(project string, p *recentProject, n *names) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.last == n {
		p.last = nil
		r.tidy(project, p)
	}
}

// without returns a list without one of its values.
func without[T comparable](all []T, one T) []T {
	i := slices.Index(all, one)
	return slices.Delete(all, i, i+1)
}
