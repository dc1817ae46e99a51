package archive

import (
	"hash"
	"io"
)

// A file of at least largeFile bytes is hashed while the next part of it is unpacked: the two take about the same time.
const (
	largeFile = 256 << 10
	ahead     = 3 // chunks that are unpacked before the first of them is hashed
)

// digester hashes files, one after the other, in memory that it keeps.
type digester struct{ parts [ahead + 1][]byte }

// part returns the n-th part of the memory, which has room for size bytes or a chunk.
func (d *digester) part(n int, size int64) []byte {
	if int64(len(d.parts[n])) < min(chunk, size) || d.parts[n] == nil {
		d.parts[n] = buffer(size)
	}
	return d.parts[n]
}

// digest reads r, of about size bytes, to its end, and writes it to h. After an error, h has an unknown part of it.
func (d *digester) digest(h hash.Hash, r io.Reader, size int64) error {
	if size < largeFile {
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
	err := parts(r, free, full)
	close(full)
	<-hashed
	return err
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

// onlyWriter hides what else a writer can, so that the caller's buffer is used.
type onlyWriter struct{ io.Writer }
