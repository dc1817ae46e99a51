package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// hostile is an archive, what it is called, and a part of the sentence with which it is refused:
// "" where it is good.
type hostile struct {
	name, file string
	bytes      []byte
	refused    string
}

const (
	wheelName = "demo-1.0-py3-none-any.whl"
	tarName   = "demo-1.0.tar.gz"
	zipName   = "demo-1.0.zip"
)

func check(t *testing.T, h hostile) error {
	t.Helper()
	return Check(context.Background(), bytes.NewReader(h.bytes), int64(len(h.bytes)), Want{Filename: h.file, Project: "demo", Version: "1.0"})
}

func try(t *testing.T, list []hostile) {
	seen := map[string]bool{}
	for _, h := range list {
		t.Run(h.name, func(t *testing.T) {
			if seen[h.name] {
				t.Fatal("two of this name")
			}
			seen[h.name] = true
			err := check(t, h)
			var f *Fault
			switch {
			case h.refused == "" && err != nil:
				t.Errorf("a good archive is refused: %v", err)
			case h.refused != "" && err == nil:
				t.Error("it is taken")
			case h.refused != "" && (!errors.As(err, &f) || !strings.Contains(f.Sentence, h.refused)):
				t.Errorf("%v; want a fault with %q", err, h.refused)
			}
		})
	}
}

// TestReadErrors: what can't be read is no fault of the uploader's.
func TestReadErrors(t *testing.T) {
	broken := errors.New("the disk is gone")
	for file, b := range map[string][]byte{wheelName: wheelOf(), tarName: tarOf(), zipName: zipOf([]zfile{{name: "demo-1.0/PKG-INFO", data: metadata}})} {
		for n := range 40 {
			r := &failing{Reader: bytes.NewReader(b), after: n, err: broken}
			err := Check(context.Background(), r, int64(len(b)), Want{Filename: file, Project: "demo", Version: "1.0"})
			if r.failed && !errors.Is(err, broken) || !r.failed && err != nil {
				t.Errorf("%s, read %d: %v", file, n, err)
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := Check(ctx, bytes.NewReader(b), int64(len(b)), Want{Filename: file, Project: "demo", Version: "1.0"}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

type failing struct {
	*bytes.Reader
	after  int
	failed bool
	err    error
}

func (f *failing) ReadAt(p []byte, at int64) (int, error) {
	f.after--
	if f.after < 0 {
		f.failed = true
		return 0, f.err
	}
	return f.Reader.ReadAt(p, at)
}

// TestMemoryOfManyEntries: what unpacks an entry takes 80 KiB, and is there once, not once for each of 65,535.
func TestMemoryOfManyEntries(t *testing.T) {
	var files []zfile
	for i := range 2000 {
		files = append(files, zfile{name: fmt.Sprintf("demo/%d.py", i), data: "x = 1\n"})
	}
	b := wheelOf(files...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := Check(context.Background(), bytes.NewReader(b), int64(len(b)), Want{Filename: wheelName, Project: "demo", Version: "1.0"})
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if perEntry := (after.TotalAlloc - before.TotalAlloc) / 2000; perEntry > 8<<10 {
		t.Errorf("%d bytes are allocated for each entry", perEntry)
	}
}

// FuzzCheck: whatever the bytes are, Check ends, says the same of what was unpacked while it arrived, and what it takes Go's reader takes too.
func FuzzCheck(f *testing.F) {
	f.Add(wheelOf(), 0)
	f.Add(tarOf(tfile{name: "demo-1.0/a.py"}), 1)
	f.Add(zipOf([]zfile{{name: "demo-1.0/PKG-INFO", data: metadata}}), 2)
	f.Fuzz(func(t *testing.T, b []byte, kind int) {
		file := []string{wheelName, tarName, zipName}[uint(kind)%3]
		err := Check(context.Background(), bytes.NewReader(b), int64(len(b)), Want{Filename: file, Project: "demo", Version: "1.0"})
		var fault *Fault
		if err != nil && !errors.As(err, &fault) {
			t.Fatalf("%v is no fault of the archive", err)
		}
		if file != tarName {
			if again := checkAhead(t, hostile{file: file, bytes: b}, 64); fmt.Sprint(again) != fmt.Sprint(err) {
				t.Fatalf("unpacked ahead: %v; else: %v", again, err)
			}
		}
		if err == nil {
			readByGo(t, file, b)
		}
	})
}

func readByGo(t *testing.T, file string, b []byte) {
	if file == tarName {
		r, err := gzipReader(b)
		if err != nil {
			t.Fatal(err)
		}
		for files := tar.NewReader(r); ; {
			if _, err := files.Next(); err == io.EOF {
				return
			} else if err != nil {
				t.Fatalf("Go's reader: %v", err)
			}
		}
	}
	zipByGo(t, b)
}
