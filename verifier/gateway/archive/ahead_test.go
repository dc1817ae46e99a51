package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// arrived is a file that arrives: to read what is not there is a failure.
type arrived struct {
	t     *testing.T
	bytes []byte
	there atomic.Int64
	read  atomic.Int64 // bytes that were read
}

func (f *arrived) ReadAt(p []byte, at int64) (int, error) {
	if end := min(at+int64(len(p)), int64(len(f.bytes))); end > f.there.Load() {
		f.t.Errorf("bytes up to %d are read, and %d are there", end, f.there.Load())
	}
	n, err := bytes.NewReader(f.bytes).ReadAt(p, at)
	f.read.Add(int64(n))
	return n, err
}

// arrive gives a file to an Ahead, step bytes at a time.
func (f *arrived) arrive(a *Ahead, step int) {
	for n := 0; n < len(f.bytes); {
		n = min(n+step, len(f.bytes))
		f.there.Store(int64(n))
		a.Arrived(int64(n))
		runtime.Gosched()
	}
}

// always lets its caller compute.
func always(<-chan struct{}, <-chan struct{}) func() { return func() {} }

// checkAhead checks an archive that is unpacked while it arrives.
func checkAhead(t *testing.T, h hostile, step int) error {
	t.Helper()
	f := &arrived{t: t, bytes: h.bytes}
	a := newAhead(f, always, 1)
	defer a.Stop()
	f.arrive(a, step)
	return Check(context.Background(), f, int64(len(h.bytes)), Want{Filename: h.file, Project: "demo", Version: "1.0", Ahead: a})
}

// TestAheadSaysTheSame: whether or not an archive is unpacked while it arrives, the answer is the same, for the whole corpus.
func TestAheadSaysTheSame(t *testing.T) {
	for _, h := range corpus(t) {
		if h.file == tarName {
			continue
		}
		want := fmt.Sprint(check(t, h))
		for _, step := range []int{7, 1000, 1 << 30} {
			if len(h.bytes)/step > 10_000 {
				continue
			}
			if got := fmt.Sprint(checkAhead(t, h, step)); got != want {
				t.Errorf("%s, %d bytes at a time: %s, want %s", h.name, step, got, want)
			}
		}
	}
}

// large is text that takes more than size bytes when it is packed.
func large(size int) string {
	raw := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(raw)
	return hex.EncodeToString(raw)
}

// TestAheadSparesTheCheck: Check does not unpack again what an Ahead has unpacked, whatever the method, and an Ahead leaves small entries alone.
func TestAheadSparesTheCheck(t *testing.T) {
	b := wheelOf(zfile{name: "demo/a.py", data: large(aheadFrom)}, zfile{name: "demo/b.py", data: large(aheadFrom), stored: true}, zfile{name: "demo/c.py", data: large(1000)})
	f := &arrived{t: t, bytes: b}
	a := NewAhead(f, always)
	defer a.Stop()
	f.arrive(a, 64<<10)
	if err := Check(t.Context(), f, int64(len(b)), Want{Filename: wheelName, Project: "demo", Version: "1.0", Ahead: a}); err != nil {
		t.Fatal(err)
	}
	if len(a.found) != 2 {
		t.Errorf("%d entries were unpacked ahead, want the 2 large ones", len(a.found))
	}
	if read := f.read.Load(); read > int64(len(b))+40<<10 {
		t.Errorf("%d of %d bytes were read: some of them twice", read, len(b))
	}
}

// TestAheadIsComparedWithRecord: what was unpacked ahead is compared with RECORD like everything else.
func TestAheadIsComparedWithRecord(t *testing.T) {
	files := wheelFiles(zfile{name: "demo/a.py", data: large(aheadFrom)})
	record := files[len(files)-1].data
	for what, change := range map[string]func(row string) string{
		"another digest": func(row string) string {
			return strings.Replace(row, "sha256=", "sha256=A", 1)[:len("demo/a.py,sha256=")+43] + row[len("demo/a.py,sha256=")+43:]
		},
		"SHA-512": func(string) string { return "demo/a.py,sha512=" + strings.Repeat("A", 86) + ",\n" },
	} {
		row, rest, _ := strings.Cut(record[strings.Index(record, "demo/a.py"):], "\n")
		files[len(files)-1].data = record[:strings.Index(record, "demo/a.py")] + strings.TrimSuffix(change(row+"\n"), "\n") + "\n" + rest
		b := zipOf(files)
		for _, err := range []error{check(t, hostile{file: wheelName, bytes: b}), checkAhead(t, hostile{file: wheelName, bytes: b}, 64<<10)} {
			if err == nil || !strings.Contains(err.Error(), "RECORD has another digest of 'demo/a.py'") {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}

// TestAheadIsUsedForTheSameBytes: nothing else may differ between what was unpacked and what the directory says.
func TestAheadIsUsedForTheSameBytes(t *testing.T) {
	entry := zipEntry{data: 100, packed: 50, size: 60, crc: 7, method: methodDeflate, want: recorded{algorithm: sha256Sum}}
	src := &source{ahead: map[int64]unpackedEntry{100: {packed: 50, size: 60, crc: 7, method: methodDeflate, sha256: [32]byte{1}}}}
	sum, ok := src.unpackedAhead(&entry)
	if !ok || sum != [32]byte{1} {
		t.Error("the same entry")
	}
	for what, change := range map[string]func(*zipEntry){
		"place": func(e *zipEntry) { e.data++ }, "packed size": func(e *zipEntry) { e.packed++ }, "size": func(e *zipEntry) { e.size++ },
		"checksum": func(e *zipEntry) { e.crc++ }, "method": func(e *zipEntry) { e.method = methodStored }, "digest": func(e *zipEntry) { e.want.algorithm = sha512Sum },
	} {
		other := entry
		change(&other)
		_, ok := src.unpackedAhead(&other)
		if ok {
			t.Errorf("an entry with another %s", what)
		}
	}
}

// TestAheadOfABomb: it unpacks no more than Check would, whatever an entry says about its sizes, and Check does not wait for it when it knows better.
func TestAheadOfABomb(t *testing.T) {
	zeros := zfile{name: "demo/a.py", data: strings.Repeat("\x00", 3*smallEnough)}
	lies := zeros
	lies.local = func(head []byte) {
		binary.LittleEndian.PutUint32(head[18:], 100<<20)
		binary.LittleEndian.PutUint32(head[22:], math.MaxUint32-1)
	}
	for what, file := range map[string]zfile{"honest": zeros, "with a lie": lies} {
		b := wheelOf(file, zfile{name: "demo/b.py", data: large(100)})
		f := &arrived{t: t, bytes: b}
		a := newAhead(f, always, 1)
		f.arrive(a, 1<<10)
		err := Check(t.Context(), f, int64(len(b)), Want{Filename: wheelName, Project: "demo", Version: "1.0", Ahead: a})
		var fault *Fault
		if !errors.As(err, &fault) {
			t.Errorf("%s: %v", what, err)
		}
		a.Stop()
		if a.total > smallEnough+chunk {
			t.Errorf("%s: %d bytes were unpacked of %d", what, a.total, len(b))
		}
	}
	b := wheelOf(zfile{name: "demo/a.py", data: large(aheadFrom)})
	b = b[:len(b)-10]
	f := &arrived{t: t, bytes: b}
	never := func(_, quit <-chan struct{}) func() { <-quit; return nil }
	a := NewAhead(f, never)
	defer a.Stop()
	f.arrive(a, len(b))
	if err := Check(t.Context(), f, int64(len(b)), Want{Filename: wheelName, Project: "demo", Version: "1.0", Ahead: a}); err == nil {
		t.Error("a wheel without its end")
	}
}

// TestAheadOfManyEntries: it remembers a bounded number of entries, and reads no more headers than Check.
func TestAheadOfManyEntries(t *testing.T) {
	var files []zfile
	for i := range maxAhead + 50 {
		files = append(files, zfile{name: fmt.Sprintf("demo/%d.py", i), data: "x", stored: true})
	}
	b := wheelOf(files...)
	if err := checkAhead(t, hostile{file: wheelName, bytes: b}, 1<<20); err != nil {
		t.Error(err)
	}
	f := &arrived{t: t, bytes: b}
	a := newAhead(f, always, 1)
	f.arrive(a, len(b))
	a.work.Finish(t.Context())
	if len(a.found) != maxAhead {
		t.Errorf("%d entries are remembered", len(a.found))
	}
	empty := bytes.Repeat([]byte("PK\x03\x04"+strings.Repeat("\x00", localSize-4)), MaxEntries+1000)
	f = &arrived{t: t, bytes: empty}
	a = newAhead(f, always, 1)
	f.arrive(a, len(empty))
	a.work.Finish(t.Context())
	if read := f.read.Load(); read > MaxEntries*localSize {
		t.Errorf("%d headers were read", read/localSize)
	}
}

// TestAheadPanics: a panic ends what is done ahead, and nothing else.
func TestAheadPanics(t *testing.T) {
	b := wheelOf(zfile{name: "demo/a.py", data: large(aheadFrom)})
	f := &panics{Reader: bytes.NewReader(b)}
	a := NewAhead(f, always)
	defer a.Stop()
	a.Arrived(int64(len(b)))
	for f.n.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := Check(t.Context(), f, int64(len(b)), Want{Filename: wheelName, Project: "demo", Version: "1.0", Ahead: a}); err != nil || f.n.Load() < 2 || len(a.found) != 0 {
		t.Errorf("%v after %d reads, and %d entries were unpacked ahead", err, f.n.Load(), len(a.found))
	}
}

// panics is a file whose first read panics.
type panics struct {
	*bytes.Reader
	n atomic.Int32
}

func (p *panics) ReadAt(b []byte, at int64) (int, error) {
	if p.n.Add(1) == 1 {
		panic("a bug")
	}
	return p.Reader.ReadAt(b, at)
}
