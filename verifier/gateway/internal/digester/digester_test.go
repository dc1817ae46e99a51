package digester

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/iotest"
	"time"
)

// onceFails is a reader whose end comes with an error, but once only.
type onceFails struct {
	io.Reader
	err error
}

func (o *onceFails) Read(p []byte) (int, error) {
	n, err := o.Reader.Read(p)
	if err == io.EOF && o.err != nil {
		err, o.err = o.err, nil
	}
	return n, err
}

// TestDigester: a file of any size has the digest that it has at once, and no error is lost, even where it comes with the last bytes of
// a chunk and is not repeated.
func TestDigester(t *testing.T) {
	broken := errors.New("broken")
	var d Digester
	for _, size := range []int{0, 1, chunk - 1, chunk, large - 1, large, large + 1, large + chunk - 1, 40 * chunk} {
		content := bytes.Repeat([]byte("0123456789abcdef!"), size/17+1)[:size]
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"whole":         func(r io.Reader) io.Reader { return r },
			"in halves":     iotest.HalfReader,
			"with the end":  iotest.DataErrReader,
			"a little more": func(r io.Reader) io.Reader { return iotest.DataErrReader(iotest.HalfReader(r)) },
		} {
			h := sha256.New()
			err := d.Digest(h, wrap(bytes.NewReader(content)), int64(size))
			if want := sha256.Sum256(content); err != nil || !bytes.Equal(h.Sum(nil), want[:]) {
				t.Errorf("%d bytes, %s: %x, want %x, %v", size, name, h.Sum(nil), want, err)
			}
			err = d.Digest(sha256.New(), &onceFails{wrap(bytes.NewReader(content)), broken}, int64(size))
			if !errors.Is(err, broken) {
				t.Errorf("%d bytes, %s: the error of the reader is lost: %v", size, name, err)
			}
		}
	}
}

// broken is a reader that panics, as a decompressor with a fault would.
type broken struct{ reads int }

func (b *broken) Read(p []byte) (int, error) {
	b.reads++
	if b.reads > 2 {
		panic("a fault")
	}
	return len(p), nil
}

// TestDigesterEndsItsGoroutine: also if the reader panics, which net/http survives.
func TestDigesterEndsItsGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		func() {
			defer func() { _ = recover() }()
			_ = new(Digester).Digest(sha256.New(), &broken{}, large)
		}()
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) { // a goroutine that has done its work takes a moment to end
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}
