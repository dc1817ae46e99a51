package gateway_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rind-dev/rind/verifier/gateway"
	"github.com/rind-dev/rind/verifier/gateway/internal/gatetest"
)

// read counts what is read of files before they are whole.
type read struct {
	gateway.Backend
	bytes, afterDiscard atomic.Int64
}

type readFile struct {
	gateway.Staged
	of        *read
	discarded atomic.Bool
}

func (r *read) Reserve(ctx context.Context, up gateway.Upload) (gateway.Staged, error) {
	s, err := r.Backend.Reserve(ctx, up)
	return &readFile{Staged: s, of: r}, err
}

func (f *readFile) ReadAt(p []byte, at int64) (int, error) {
	if f.discarded.Load() {
		f.of.afterDiscard.Add(1)
	}
	n, err := f.Staged.ReadAt(p, at)
	f.of.bytes.Add(int64(n))
	return n, err
}

func (f *readFile) Discard() {
	f.discarded.Store(true)
	f.Staged.Discard()
}

// A large wheel is unpacked while it arrives; a client that hangs up, or whose file is refused, ends that.
func TestUnpackedWhileItArrives(t *testing.T) {
	counted := &read{}
	x := newIndex(t, func(c *gateway.Config) { counted.Backend = c.Backend; c.Backend = counted })
	noise := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	name := "demo-1.0-py3-none-any.whl"
	wheel := gatetest.Pack(name, string(noise))
	for what, c := range map[string]struct {
		change func(raw []byte) []byte // of what is not sent yet
		want   string
	}{
		"good":        {func(raw []byte) []byte { return raw }, "200 OK"},
		"hung up":     {func(raw []byte) []byte { return raw[:len(raw)/2] }, "400 "},
		"changed":     {func(raw []byte) []byte { raw = bytes.Clone(raw); raw[len(raw)/2] ^= 1; return raw }, "400 "},
		"cut, and no": {func(raw []byte) []byte { return raw[len(raw)-len("\r\n--\r\n")-60:] }, "400 "},
	} {
		counted.bytes.Store(0)
		var early atomic.Int64 // bytes that were read before the rest arrived
		raw, contentType := encode(gatetest.Upload("demo", "1.0", name, wheel))
		sent := bytes.Index(raw, []byte("PK\x03\x04")) + 2<<20
		from, to := io.Pipe()
		go func() {
			_, _ = to.Write(raw[:sent])
			for end := time.Now().Add(20 * time.Second); counted.bytes.Load() < 1<<20 && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
			early.Store(counted.bytes.Load())
			_, _ = to.Write(c.change(raw[sent:]))
			_ = to.Close()
		}()
		status, body := x.Send("Bearer "+x.Text, contentType, from)
		if !strings.HasPrefix(status, c.want) {
			t.Errorf("%s: %s %s", what, status, body)
		}
		if n := early.Load(); n < 1<<20 {
			t.Errorf("%s: %d bytes were unpacked before the rest arrived", what, n)
		}
		if n := counted.afterDiscard.Load(); n != 0 {
			t.Errorf("%s: the file was read %d times after it was discarded", what, n)
		}
		if len(x.Staged()) != 0 {
			t.Errorf("%s: left in staging: %v", what, x.Staged())
		}
	}
	if stored := x.Stored(); len(stored) != 1 {
		t.Errorf("stored: %v", stored)
	}
}
