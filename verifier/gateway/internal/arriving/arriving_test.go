package arriving

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const content = "0123456789abcdefghijklmnopqrstuvwxyz"

// noted is a file that notes how far it was read.
type noted struct{ most atomic.Int64 }

func (n *noted) ReadAt(p []byte, at int64) (int, error) {
	n.most.Store(max(n.most.Load(), at+int64(len(p))))
	return strings.NewReader(content).ReadAt(p, at)
}

// turnsOf gives as many turns at once as the channel has room for.
func turnsOf(turns chan struct{}) Turn {
	return func(whole, quit <-chan struct{}) func() {
		select {
		case turns <- struct{}{}:
			return func() { <-turns }
		case <-whole:
		case <-quit:
		}
		return nil
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within 20 s: ", what)
		}
	}
}

// TestReader: the work reads what arrives, in whatever pieces, and nothing before it is there.
func TestReader(t *testing.T) {
	for step := 1; step <= len(content); step += 5 {
		for _, size := range []int{1, 3, 7, len(content), 100} {
			n := &noted{}
			var got bytes.Buffer
			var err error
			f := Start(n, turnsOf(make(chan struct{}, 1)), func(r io.ReaderAt) {
				_, err = io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{io.NewSectionReader(r, 0, 1<<40)}, make([]byte, size))
			})
			for there := 0; there < len(content); {
				if most := n.most.Load(); most > int64(there) {
					t.Fatalf("%d bytes were read when %d were there", most, there)
				}
				there = min(there+step, len(content))
				f.Arrived(int64(there))
				runtime.Gosched()
			}
			f.Finish(t.Context())
			if got.String() != content || err != nil {
				t.Fatalf("by %d bytes, in pieces of %d: %q, %v", step, size, got.String(), err)
			}
			f.Stop()
		}
	}
}

// TestTurns: the work reads only in its turn, gives that back while it waits for bytes, and needs none when Finish waits for it.
func TestTurns(t *testing.T) {
	n, turns := &noted{}, make(chan struct{}, 1)
	turns <- struct{}{} // another's
	f := Start(n, turnsOf(turns), func(r io.ReaderAt) {
		for at := range int64(len(content)) {
			_, _ = r.ReadAt(make([]byte, 1), at)
		}
	})
	defer f.Stop()
	f.Arrived(10)
	time.Sleep(20 * time.Millisecond)
	if most := n.most.Load(); most != 0 {
		t.Errorf("%d bytes were read when it was not its turn", most)
	}
	<-turns
	eventually(t, "it reads what is there, and gives its turn back", func() bool { return n.most.Load() == 10 && len(turns) == 0 })
	turns <- struct{}{}
	f.Arrived(int64(len(content)))
	f.Finish(t.Context())
	if most := n.most.Load(); most != int64(len(content)) {
		t.Errorf("%d bytes were read", most)
	}
	if len(turns) != 1 {
		t.Error("it gave another's turn back")
	}
}

// endless is a file without an end.
type endless struct{ read atomic.Int64 }

func (e *endless) ReadAt(p []byte, _ int64) (int, error) {
	e.read.Add(int64(len(p)))
	return len(p), nil
}

// TestTurnsEnd: work on a long file gives its turn to others now and then.
func TestTurnsEnd(t *testing.T) {
	turns := make(chan struct{}, 1)
	var both [2]endless
	var all []*Work
	for i := range both {
		all = append(all, Start(&both[i], turnsOf(turns), func(r io.ReaderAt) {
			p := make([]byte, 64<<10)
			for {
				if _, err := r.ReadAt(p, 0); err != nil {
					return
				}
			}
		}))
		all[i].Arrived(1 << 40)
	}
	for n := range 6 {
		before := both[n%2].read.Load()
		eventually(t, "each goes on after the other", func() bool { return both[n%2].read.Load() > before })
	}
	for _, w := range all {
		w.Stop()
	}
	if len(turns) != 0 {
		t.Error("a turn is taken")
	}
}

// TestStop: wherever the work is, Stop ends it, with its turn given back.
func TestStop(t *testing.T) {
	for n := range 200 {
		turns := make(chan struct{}, 1)
		if n%3 == 0 {
			turns <- struct{}{}
		}
		ended := false
		f := Start(&noted{}, turnsOf(turns), func(r io.ReaderAt) {
			for at := int64(0); ; at = (at + 1) % int64(len(content)) {
				if _, err := r.ReadAt(make([]byte, 1), at); errors.Is(err, errStopped) {
					ended = true
					return
				}
			}
		})
		f.Arrived(int64(n % (len(content) + 1)))
		for range n % 7 {
			runtime.Gosched()
		}
		f.Stop()
		f.Stop()
		if !ended || n%3 != 0 && len(turns) != 0 {
			t.Fatalf("round %d: ended %v, %d turns are taken", n, ended, len(turns))
		}
	}
}

// TestFinishEnds: the end of the context ends work that takes longer.
func TestFinishEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := Start(&noted{}, turnsOf(make(chan struct{}, 1)), func(r io.ReaderAt) {
		for {
			if _, err := r.ReadAt(make([]byte, 1), 0); errors.Is(err, errStopped) {
				return
			}
		}
	})
	f.Arrived(1)
	time.AfterFunc(10*time.Millisecond, cancel)
	f.Finish(ctx)
	f.Stop()
}

// TestPanic: a panic ends the work only, with its turn given back.
func TestPanic(t *testing.T) {
	turns := make(chan struct{}, 1)
	f := Start(&noted{}, turnsOf(turns), func(r io.ReaderAt) {
		_, _ = r.ReadAt(make([]byte, 1), 0)
		panic("a bug")
	})
	f.Arrived(1)
	f.Finish(t.Context())
	f.Stop()
	if len(turns) != 0 {
		t.Error("it kept its turn")
	}
}
