// Package arriving lets a goroutine work on a file while the file still arrives.
package arriving

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

// Work is work on a file that arrives. One goroutine calls its methods, and the work is in another one. The file must be readable there
// as far as Arrived says.
type Work struct {
	file io.ReaderAt
	turn Turn

	size  atomic.Int64  // bytes that are there
	news  chan struct{} // has room for one: size has changed
	whole chan struct{} // closed when nothing more arrives
	quit  chan struct{} // closed when nobody needs the work
	done  chan struct{} // closed when it has ended
}

// Turn waits until its caller may compute, and returns what gives the turn back. It returns nil if one of the channels is closed before.
type Turn func(whole, quit <-chan struct{}) (free func())

// turnTime is how long a turn lasts. It ends when the work reads again, so at the latest after what it does with the bytes of one read.
const turnTime = 100 * time.Millisecond

// errStopped is what the work gets after Stop.
var errStopped = errors.New("arriving: nobody waits for the work any more")

// Start begins to work on a file, with a reader that waits for what is not there yet. The reader is for one goroutine, and fails after Stop. The
// work waits for a turn to read, and again after 100 ms. Once Finish waits for the work, it takes a turn only if one is free. A panic of work
// ends work only: it is for what can be done again.
func Start(file io.ReaderAt, turn Turn, work func(io.ReaderAt)) *Work {
	f := &Work{file: file, turn: turn, news: make(chan struct{}, 1), whole: make(chan struct{}), quit: make(chan struct{}), done: make(chan struct{})}
	go f.run(work)
	return f
}

func (f *Work) run(work func(io.ReaderAt)) {
	defer close(f.done)
	r := &reader{f: f}
	defer r.release()
	defer func() { _ = recover() }()
	work(r)
}

// Arrived says that so many bytes of the file are there.
func (f *Work) Arrived(size int64) {
	f.size.Store(size)
	select {
	case f.news <- struct{}{}:
	default:
	}
}

// Finish says that nothing more arrives, and waits until the work has ended, or ctx has: then it stops the work. It is called at most once.
func (f *Work) Finish(ctx context.Context) {
	close(f.whole)
	select {
	case <-f.done:
	case <-ctx.Done():
		f.Stop()
	}
}

// Stop stops the work, and waits until it does not use the file any more. It may be called after Finish, and again.
func (f *Work) Stop() {
	select {
	case <-f.quit:
	default:
		close(f.quit)
	}
	<-f.done
}

// reader is what the work reads.
type reader struct {
	f    *Work
	free func() // gives the turn back; nil: there is none
	end  time.Time
}

// ReadAt implements io.ReaderAt.
func (r *reader) ReadAt(p []byte, at int64) (int, error) {
	there, err := r.await(at + int64(len(p)))
	if err != nil {
		return 0, err
	}
	short := there-at < int64(len(p))
	if short {
		p = p[:max(0, there-at)]
	}
	n, err := r.f.file.ReadAt(p, at)
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}

// await waits until so many bytes are there, or nothing more arrives, and for a turn. It returns how many there are.
func (r *reader) await(size int64) (there int64, err error) {
	for {
		select {
		case <-r.f.quit:
			return 0, errStopped
		default:
		}
		if there := r.f.size.Load(); there >= size {
			return there, r.turn()
		}
		select {
		case <-r.f.whole:
			return r.f.size.Load(), r.turn()
		default:
		}
		r.release()
		select {
		case <-r.f.news:
		case <-r.f.whole:
		case <-r.f.quit:
		}
	}
}

// turn waits for a turn, unless Finish waits for the work.
func (r *reader) turn() error {
	if r.free != nil && time.Now().Before(r.end) {
		return nil
	}
	r.release()
	r.free, r.end = r.f.turn(r.f.whole, r.f.quit), time.Now().Add(turnTime)
	select {
	case <-r.f.quit:
		return errStopped
	default:
		return nil
	}
}

func (r *reader) release() {
	if r.free != nil {
		r.free()
		r.free = nil
	}
}
