package gateway

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

// Turns go to who waits longest, with at most half for an owner, and those who give up get none.
func TestTurns(t *testing.T) {
	turns := newTurns(2)
	a, b := share{owner: "a"}, share{owner: "b"}
	never := make(chan struct{})
	gone := make(chan struct{})
	close(gone)
	waiting := func(n int) {
		t.Helper()
		for {
			turns.mu.Lock()
			is := len(turns.waiting)
			turns.mu.Unlock()
			if is == n {
				return
			}
		}
	}
	first := turns.take(a, never, never)
	if turns.take(a, gone, never) != nil || turns.take(a, never, gone) != nil {
		t.Error("an owner has more than half of the turns")
	}
	got := make(chan string)
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			free := turns.take(a, never, never)
			got <- fmt.Sprint("a", i)
			free()
		})
		waiting(i + 1)
	}
	second := turns.take(b, never, never) // at once, before those who wait
	second()
	first()
	var order []string
	for range 3 {
		order = append(order, <-got)
	}
	wg.Wait()
	if !slices.Equal(order, []string{"a0", "a1", "a2"}) {
		t.Errorf("turns went to %v", order)
	}
	if turns.total != 0 || len(turns.taken) != 0 || len(turns.waiting) != 0 {
		t.Errorf("%d turns are taken, by %v; %d wait", turns.total, turns.taken, len(turns.waiting))
	}
}

// Whoever takes, waits and gives up, no more turns are taken than there are, and none is lost.
func TestTurnsAtOnce(t *testing.T) {
	turns := newTurns(4)
	var mu sync.Mutex
	now, most := map[share]int{}, map[share]int{}
	all := share{}
	count := func(owner share, n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, s := range []share{owner, all} {
			now[s] += n
			most[s] = max(most[s], now[s])
		}
	}
	var wg sync.WaitGroup
	for i := range 30 {
		owner := share{owner: fmt.Sprint(i % 3)}
		wg.Go(func() {
			for n := range 300 {
				quit := make(chan struct{})
				if n%3 == 0 {
					go close(quit)
				}
				free := turns.take(owner, nil, quit)
				if free == nil {
					continue
				}
				count(owner, 1)
				count(owner, -1)
				free()
			}
		})
	}
	wg.Wait()
	for who, n := range most {
		if n > 4 || who != all && n > 2 {
			t.Errorf("%v had %d turns at once", who, n)
		}
	}
	if turns.total != 0 || len(turns.taken) != 0 || len(turns.waiting) != 0 {
		t.Errorf("%d turns are taken, by %v; %d wait", turns.total, turns.taken, len(turns.waiting))
	}
}
