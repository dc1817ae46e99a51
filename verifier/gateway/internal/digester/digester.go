// Package digester hashes files while they are unpacked.
package digester

import (
	"hash"
	"io"
)

const (
	chunk = 32 << 10  // bytes that are read, and hashed, at a time
	large = 256 << 10 // bytes of a file from which on a second goroutine hashes: to start it for less saves nothing
	ahead = 3         // chunks that are read while another is hashed
)

// Digester hashes files, one after the other, in memory that it keeps: at most 128 KiB. One goroutine at a time uses it.
type Digester struct{ parts [ahead + 1][]byte }

// Digest reads r, of about size bytes, to its end, and writes it to h. A large file is hashed in a goroutine while the next part of
// it is read, because to unpack it and to hash it take about the same time; it has ended when Digest returns. After an error of r, which
// is returned, h has an unknown part of the file.
func (d *Digester) Digest(h hash.Hash, r io.Reader, size int64) error {
	if size < large {
		_, err := io.CopyBuffer(onlyWriter{h}, r, d.part(0, size))
		return err
	}
	free, full := make(chan []byte, len(d.parts)), make(chan []byte, len(d.parts))
	for n := range d.parts {
		free <- d.part(n, size)
	}
	hashed := make(chan struct{})
	go func() {
		defer close(hashed)
		for part := range full {
			h.Write(part)
			free <- part[:chunk]
		}
	}()
	defer func() { // also if r panics
		close(full)
		<-hashed
	}()
	return parts(r, free, full)
}

// part returns the n-th part of the memory, which has room for size bytes or a chunk.
func (d *Digester) part(n int, size int64) []byte {
	if room := min(chunk, max(size, 512)); int64(len(d.parts[n])) < room {
		d.parts[n] = make([]byte, room)
	}
	return d.parts[n]
}

// parts reads r to its end, into what comes from free, and sends that to full.
func parts(r io.Reader, free <-chan []byte, full chan<- []byte) error {
	for {
		part, n := <-free, 0
		var err error
		for n < len(part) && err == nil { // unlike io.ReadFull, it keeps an error that comes with the last bytes
			var m int
			m, err = r.Read(part[n:])
			n += m
		}
		full <- part[:n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// onlyWriter hides what else a writer can, so that the buffer is used.
type onlyWriter struct{ io.Writer }
