package upstream

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/dist"
)

// sharedLists lets uploads to one project that need its list at the same time read one page together. A list is asked for only
// after all who share it wanted it, so none of them sees an older one than it would have got alone.
type sharedLists struct {
	read      listReader    // the same for all, so that it makes no difference whose upload comes first
	known     *recent       // remembers the lists
	limit     time.Duration // for reading one
	mu        sync.Mutex    // guards byProject, its values, and wanted of the lists that still wait
	byProject map[string]*projectLists
}

// listReader reads the files of a project whose names are wanted. It ends when ctx does.
type listReader func(ctx context.Context, project string, wanted func(name string) bool) ([]listed, error)

// newSharedLists returns lists that read reads and known remembers.
func newSharedLists(read listReader, known *recent) *sharedLists {
	return &sharedLists{read: read, known: known, limit: listTime, byProject: map[string]*projectLists{}}
}

// projectLists are the lists of one project that are under way.
type projectLists struct {
	reading bool
	next    *sharedList // waits for the one that is being read; nil: nobody waits
}

// wants says whether an upload has to know of a file, by its name and the [dist.Identity] of that, which all who share a list would
// otherwise compute again for each file.
type wants func(name, identity string) bool

// sharedList is one list, and the uploads that share it.
type sharedList struct {
	wanted []wants       // of each upload; a file is kept if one of them wants it
	done   chan struct{} // closed when files and err are set
	files  []listed
	err    error
}

// join returns the files of a project for which wanted holds, and those that others who share the list wanted. If ctx ends before the
// list is there, the error is a Refusal with 503, and the list is read for the others all the same.
func (s *sharedLists) join(ctx context.Context, project string, wanted wants) ([]listed, error) {
	s.mu.Lock()
	p := s.byProject[project]
	if p == nil {
		p = &projectLists{}
		s.byProject[project] = p
	}
	if p.next == nil {
		p.next = &sharedList{done: make(chan struct{})}
	}
	mine := p.next
	mine.wanted = append(mine.wanted, wanted)
	if !p.reading {
		p.reading = true
		go s.run(project, p)
	}
	s.mu.Unlock()
	select {
	case <-mine.done:
		return mine.files, mine.err
	case <-ctx.Done():
		return nil, unavailable(0, fmt.Errorf("upstream: wait for the list of project %s: %w", project, ctx.Err()))
	}
}

// run reads lists of a project until nobody waits for one.
func (s *sharedLists) run(project string, p *projectLists) {
	for {
		s.mu.Lock()
		now := p.next
		p.next = nil
		if now == nil {
			delete(s.byProject, project)
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		names, endList := s.known.startList(s, project)
		now.fill(s, project, names)
		endList(now.err == nil)
	}
}

// fill reads the list for all who share it, and adds its names to those. If reading panics, those get an error, because nothing else would
// keep the process alive: net/http catches a panic in the goroutine of a request only.
func (l *sharedList) fill(s *sharedLists, project string, names *listedNames) {
	ctx, cancel := context.WithTimeout(context.Background(), s.limit) // the list is nobody's own
	defer cancel()
	defer close(l.done)
	defer func() {
		if p := recover(); p != nil {
			l.err = unavailable(0, fmt.Errorf("upstream: read the list of a project: panic: %v", p))
		}
	}()
	l.files, l.err = s.read(ctx, project, func(name string) bool {
		identity := dist.Identity(name, project)
		names.add(name, identity)
		return slices.ContainsFunc(l.wanted, func(w wants) bool { return w(name, identity) })
	})
}
