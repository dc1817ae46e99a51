package rootkeys

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestCutWhileItIsWritten: while one write follows the other there is no moment at which a file that
// lies still could be looked at, and what they read may be what they wrote since the cut. The cut
// takes away only what no page is in.
func TestCutWhileItIsWritten(t *testing.T) {
	path := storePath(t)
	s, f := busyStore(t, path)
	defer s.Close()
	size := int64(len(read(t, path)))
	var all sync.WaitGroup
	var written atomic.Int64
	stop := make(chan struct{})
	write := func(fn func(n int) error) {
		all.Go(func() {
			for n := 0; ; n++ {
				if err := fn(n); err != nil {
					if !errors.Is(err, ErrDamaged) {
						t.Errorf("ends with %v", err)
					}
					return
				}
				written.Add(1)
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for range 3 {
		write(func(n int) error { return s.Heard(time.Unix(int64(n)*600, 0)) })
	}
	write(func(n int) error { return f.Add(context.Background(), []Change{tokenChange(t, 1)}) })
	for written.Load() < 20 {
		time.Sleep(time.Millisecond)
	}
	if err := os.Truncate(path, size-1); err != nil {
		t.Fatal(err)
	}
	cut := written.Load()
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	for {
		select {
		case <-ended:
			return
		case <-time.After(time.Millisecond):
		}
		if n := written.Load() - cut; n > 200 {
			close(stop)
			<-ended
			t.Fatalf("%d writes to a file that was cut", n)
		}
	}
}
