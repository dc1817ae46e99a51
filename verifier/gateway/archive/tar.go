package archive

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// block is the size of a block in a tar file, in bytes. Everything takes whole blocks.
const block = 512

// Types of a tar file's entries.
const (
	typeFile     = '0'
	typeOldFile  = 0 // a folder if its name ends with "/"
	typeHardLink = '1'
	typeSymlink  = '2'
	typeDir      = '5'
	typePax      = 'x' // records for the next entry
	typeGlobal   = 'g' // records for all following entries
	typeLongName = 'L' // GNU: the name of the next entry
)

// tarFile reads a gzipped tar file, block by block.
type tarFile struct {
	src  *source
	from io.Reader
	read int64 // bytes unpacked

	names   *names
	entries int
	long    string // name of the next entry, from a GNU record
	pax     map[string]string
}

// checkTar reads an sdist that is a tar file (source distribution format).
func checkTar(src *source, want Want) error {
	packed := bufio.NewReaderSize(src.section(0, src.size), int(min(chunk, src.size)))
	unzipped, err := gzip.NewReader(packed)
	if err != nil {
		return src.orFault(err, "it is not compressed with gzip")
	}
	unzipped.Multistream(false)
	t := &tarFile{src: src, from: unzipped, names: newNames(0)}
	top, found := "", false
	for {
		e, err := t.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		content := &io.LimitedReader{R: t, N: e.size}
		if e.name != "" {
			err := oneTop(&top, e.name)
			if err != nil {
				return err
			}
			if e.name == top+"/PKG-INFO" {
				found = true
				if err := checkMetadata(content, e.size, "PKG-INFO", want); err != nil {
					return err
				}
			}
		}
		if err := t.skip(content.N, e.size); err != nil {
			return err
		}
	}
	if err := t.end(); err != nil {
		return err
	}
	if _, err := packed.ReadByte(); err != io.EOF {
		return fault("the file has bytes behind the end of its gzip stream")
	}
	if !found {
		return fault("PKG-INFO not found at %s", clip(top+"/PKG-INFO"))
	}
	return nil
}

// orFault returns the fault for something that can't be read, unless reading the file itself failed.
func (s *source) orFault(err error, sentence string) error {
	var f *Fault
	if s.err != nil || errors.As(err, &f) {
		return err
	}
	return fault("%s", sentence)
}

func (t *tarFile) Read(p []byte) (int, error) {
	n, err := t.from.Read(p)
	t.read += int64(n)
	if unpacked(t.read, t.src.size) != nil {
		return 0, unpacked(t.read, t.src.size)
	}
	if err != nil && err != io.EOF {
		err = t.src.orFault(err, "it can't be unpacked: it is cut off or damaged")
	}
	return n, err
}

// skip skips the rest of an entry of size bytes, and the padding of its last block.
func (t *tarFile) skip(left, size int64) error {
	left += -size & (block - 1)
	if n, err := io.CopyN(io.Discard, t, left); err != nil {
		if n < left && err == io.EOF {
			return fault("the tar file is cut off")
		}
		return err
	}
	return nil
}

// tarEntry is a file or a folder. Without a name it is the folder in which the tar file was made.
type tarEntry struct {
	name string // ends with "/" if it is a folder
	size int64
}

// next reads headers up to and including that of the next entry. It returns io.EOF at the end.
func (t *tarFile) next() (tarEntry, error) {
	for {
		var b [block]byte
		if _, err := io.ReadFull(t, b[:]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return tarEntry{}, fault("the tar file is cut off")
			}
			return tarEntry{}, err
		}
		if b == ([block]byte{}) {
			if t.long != "" || t.pax != nil {
				return tarEntry{}, fault("the tar file ends with the name of an entry that is missing")
			}
			return tarEntry{}, io.EOF
		}
		h, err := readHeader(&b)
		if err != nil {
			return tarEntry{}, err
		}
		switch h.kind {
		case typePax, typeGlobal, typeLongName:
			if err := t.extend(h); err != nil {
				return tarEntry{}, err
			}
		default:
			return t.entry(h)
		}
	}
}

// end reads what follows the last entry: the rest of the second block of zeros, and zeros.
func (t *tarFile) end() error {
	buf, blocks := make([]byte, chunk), int64(0)
	for {
		n, err := t.Read(buf)
		if len(bytes.TrimLeft(buf[:n], "\x00")) > 0 {
			return fault("the tar file has something behind its end")
		}
		blocks += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if blocks < block || blocks%block != 0 {
		return fault("the tar file does not end with two blocks of zeros")
	}
	return nil
}

// entry returns the file or folder that a header and the records before it describe.
func (t *tarFile) entry(h header) (tarEntry, error) {
	name, err := t.name(h)
	if err != nil {
		return tarEntry{}, err
	}
	t.long, t.pax = "", nil
	switch h.kind {
	case typeHardLink, typeSymlink:
		return tarEntry{}, fault("an entry is a link: '%s'; put the file itself in its place", clip(name))
	case typeDir:
		name = strings.TrimSuffix(name, "/") + "/"
	case typeOldFile, typeFile:
		if h.kind == typeFile && strings.HasSuffix(name, "/") {
			return tarEntry{}, fault("an entry is a file and a folder: '%s'", clip(name))
		}
	default:
		return tarEntry{}, fault("an entry is neither a file nor a folder: '%s'", clip(name))
	}
	if strings.HasSuffix(name, "/") && h.size != 0 {
		return tarEntry{}, fault("an entry is a file and a folder: '%s'", clip(name))
	}
	if name == "./" {
		return tarEntry{}, nil
	}
	name = strings.TrimPrefix(name, "./")
	t.entries++
	return tarEntry{name, h.size}, t.names.add(name, t.entries)
}

// name returns an entry's name. A record may give it only if the header has no room for it:
// otherwise programs that know records would see a different file than those that don't.
func (t *tarFile) name(h header) (string, error) {
	long, isPax := t.pax["path"]
	switch {
	case isPax && t.long != "":
		return "", fault("an entry has two long names: '%s'", clip(long))
	case t.long != "":
		long = t.long
	case !isPax:
		return h.name, nil
	}
	room := nameSize
	if t.long != "" {
		room-- // GNU ends each name with a NUL
	}
	fits := len(long) <= room && plainASCII(long)
	if fits && long != h.name {
		return "", fault("a record of the tar file renames an entry: '%s' to '%s'", clip(h.name), clip(long))
	}
	if isPax && isPlaceholder(h.name) {
		return long, nil
	}
	top, _, _ := strings.Cut(strings.TrimPrefix(long, "./"), "/")
	short, _, _ := strings.Cut(strings.TrimPrefix(h.name, "./"), "/")
	if plainASCII(top) && top != short && len(top) < nameSize {
		return "", fault("a record of the tar file moves an entry: '%s' to '%s'", clip(h.name), clip(long))
	}
	return long, nil
}

// isPlaceholder reports whether a name is "PaxHeaders/" and a number, which maturin gives to an entry
// whose own name does not fit. Installers look for no such name.
func isPlaceholder(name string) bool {
	number, ok := strings.CutPrefix(name, "PaxHeaders/")
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}

func plainASCII(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c >= 0x80 })
}
