package upstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/verifier/gateway"
	"github.com/rind-dev/rind/verifier/gateway/internal/gatetest"
)

// heldReads lets a test hold the reading of lists. Each list has the files that are wanted, with the number of the read.
type heldReads struct {
	began   chan int      // gets the number of each read
	release chan struct{} // each read needs one
	fail    error

	mu sync.Mutex
	n  int
}

func (r *heldReads) read(_ context.Context, _ string, wanted func(string) bool) (files []listed, err error) {
	r.mu.Lock()
	r.n++
	n := r.n
	r.mu.Unlock()
	r.began <- n
	<-r.release
	for i := range 20 {
		if name := fmt.Sprintf("file-%d", i); wanted(name) {
			files = append(files, listed{name: name, size: int64(n)})
		}
	}
	return files, r.fail
}

// Those who want a list while one is read share the next one, which is read after all of them asked. The end of one's patience is
// nothing to the others.
func TestSharedLists(t *testing.T) {
	r := &heldReads{began: make(chan int, 10), release: make(chan struct{})}
	s := newSharedLists(r.read, &NewTraffic().recent)
	type result struct {
		i     int
		files []listed
		err   error
	}
	results := make(chan result)
	ask := func(ctx context.Context, i int) {
		files, err := s.join(ctx, "demo", func(name, _ string) bool { return name == fmt.Sprintf("file-%d", i) })
		results <- result{i, files, err}
	}
	joined := func(n int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d wait for the next list", n), func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			p := s.byProject["demo"]
			return p != nil && p.next != nil && len(p.next.wanted) == n
		})
	}
	go ask(t.Context(), 0)
	<-r.began
	for i := 1; i < 11; i++ {
		go ask(t.Context(), i)
	}
	impatient, cancel := context.WithCancel(t.Context())
	go ask(impatient, 11)
	joined(11)
	cancel()
	var refused *gateway.Refusal
	if got := <-results; got.i != 11 || !errors.As(got.err, &refused) || refused.Status != 503 {
		t.Errorf("whose time was over: %+v", got)
	}
	r.release <- struct{}{}
	if got := <-results; got.i != 0 || len(got.files) != 1 || got.files[0].size != 1 {
		t.Errorf("the first: %+v", got)
	}
	if n := <-r.began; n != 2 {
		t.Errorf("read %d", n)
	}
	r.fail = errors.New("broken")
	r.release <- struct{}{}
	for range 10 {
		got := <-results
		found := false
		for _, f := range got.files {
			found = found || f.name == fmt.Sprintf("file-%d", got.i) && f.size == 2
		}
		if !found || len(got.files) != 11 || got.err != r.fail {
			t.Errorf("%d got %+v", got.i, got)
		}
	}
	eventually(t, "nothing of the project is left", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.byProject) == 0
	})
	if n := len(r.began); n != 0 {
		t.Errorf("%d more reads", n)
	}
}

// A page that makes its reader panic costs those who wanted it an answer, and nobody else anything.
func TestAListThatPanics(t *testing.T) {
	reads := 0
	s := newSharedLists(func(context.Context, string, func(string) bool) ([]listed, error) {
		reads++
		if reads == 1 {
			panic("a bad page")
		}
		return []listed{{name: "x"}}, nil
	}, &NewTraffic().recent)
	all := func(string, string) bool { return true }
	_, err := s.join(t.Context(), "demo", all)
	var refused *gateway.Refusal
	if !errors.As(err, &refused) || refused.Status != 503 || !strings.Contains(refused.Err.Error(), "a bad page") {
		t.Errorf("%v", err)
	}
	files, err := s.join(t.Context(), "demo", all) // the goroutine of the first may read it, or another
	if err != nil || len(files) != 1 {
		t.Errorf("the next list: %v, %v", files, err)
	}
}

// An index that does not go on with its page costs those who wanted it their patience, and the next ones nothing.
func TestAListThatHangs(t *testing.T) {
	reads := 0
	s := newSharedLists(func(ctx context.Context, _ string, _ func(string) bool) ([]listed, error) {
		reads++
		if reads == 1 {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, nil
	}, &NewTraffic().recent)
	if s.limit != listTime {
		t.Errorf("the limit is %s", s.limit)
	}
	s.limit = 10 * time.Millisecond
	all := func(string, string) bool { return true }
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := s.join(ctx, "demo", all); !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		t.Fatalf("%v", err)
	}
	if _, err := s.join(ctx, "demo", all); err != nil {
		t.Errorf("the next list: %v", err)
	}
}

// Uploads to one project that come while its page is read share the next page; each is compared with what is there then.
func TestUploadsAtOnceShareTheList(t *testing.T) {
	index := startIndex(t)
	b := newBehind(t, index, nil)
	b.up.traffic.recent.life = 0
	const n = 16
	name := func(i int) string { return fmt.Sprintf("demo-1.0-%d-py3-none-any.whl", i) }
	post := func(i int, text string) (status, body string) {
		return b.Post(b.Text, gatetest.Upload("demo", "1.0", name(i), gatetest.Pack(name(i), text)))
	}
	if status, body := post(n, "one"); status != "200 OK" { // so that the page is there, and its address is known
		t.Fatal(status, body)
	}
	first, proceed := make(chan struct{}), make(chan struct{})
	goOn := sync.OnceFunc(func() { close(proceed) })
	defer goOn() // else the index does not stop
	pages := 0
	index.set(func() {
		index.paged = func() {
			pages++
			if pages == 1 {
				close(first)
				<-proceed
			}
		}
	})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if status, body := post(i, "one"); status != "200 OK" {
				t.Errorf("upload %d: %s %s", i, status, body)
			}
		})
		if i == 0 {
			<-first // alone
		}
	}
	eventually(t, "all others wait for the next page", func() bool {
		b.up.shared.mu.Lock()
		defer b.up.shared.mu.Unlock()
		p := b.up.shared.byProject["demo"]
		return p != nil && p.next != nil && len(p.next.wanted) == n-1
	})
	goOn()
	wg.Wait()
	index.set(func() { index.paged = nil })
	if pages != 2 {
		t.Errorf("%d pages were read for %d uploads, want 2", pages, n)
	}
	for i := range n {
		wg.Go(func() {
			if status, body := post(i, "two"); !strings.HasPrefix(status, "400 File already exists") {
				t.Errorf("other content of %d: %s %s", i, status, body)
			}
		})
	}
	wg.Wait()
}
