package archive

import (
	"bufio"
	"hash"
	"hash/crc32"
	"io"
	"strings"

	"github.com/klauspost/compress/flate" // twice as fast as the standard library's
)

// open returns a reader of an entry's content, valid until the next call, because all entries share its memory. Reading
// fails if the content is not what the directory says.
func (z *zipFile) open(entry *zipEntry) io.Reader {
	section := z.src.section(entry.data, entry.packed)
	if z.packed == nil {
		z.packed = bufio.NewReaderSize(section, int(min(chunk, z.src.size)))
	}
	z.packed.Reset(section)
	c := &content{entry: entry, packed: z.packed, from: z.packed, crc: crc32.NewIEEE()}
	isEmptyFolder := strings.HasSuffix(entry.name, "/") && entry.packed == 0 // Python 2's zipfile marks folders as deflated
	if entry.method == methodDeflate && !isEmptyFolder {
		c.from = z.inflated()
	}
	return c
}

// inflated unpacks what z.packed reads.
func (z *zipFile) inflated() io.Reader {
	if again, ok := z.inflate.(flate.Resetter); ok && again.Reset(z.packed, nil) == nil {
		return z.inflate
	}
	z.inflate = flate.NewReader(z.packed)
	return z.inflate
}

type content struct {
	entry  *zipEntry
	packed *bufio.Reader
	from   io.Reader
	crc    hash.Hash32
	read   int64
}

func (c *content) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.crc.Write(p[:n])
	c.read += int64(n)
	if c.read > c.entry.size {
		return 0, fault("'%s' is larger than the zip file says", clip(c.entry.name))
	}
	switch {
	case err == nil:
		return n, nil
	case err != io.EOF:
		return n, fault("'%s' can't be unpacked", clip(c.entry.name))
	case c.read != c.entry.size || c.crc.Sum32() != c.entry.crc:
		return n, fault("'%s' is not what the zip file says: its size or checksum is another", clip(c.entry.name))
	}
	if _, err := c.packed.ReadByte(); err != io.EOF {
		return n, fault("'%s' has bytes behind its end", clip(c.entry.name))
	}
	return n, io.EOF
}

// find returns the entry with exactly the given name, or nil.
func (z *zipFile) find(name string) *zipEntry {
	if n, ok := z.names.find(name); ok && z.entries[n].name == name {
		return &z.entries[n]
	}
	return nil
}
