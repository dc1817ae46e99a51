// Package archive reads wheels and sdists the way an index must before it offers them: completely, within
// limits, and by rules that make sure that all readers see the same files in them. Installers, malware
// scanners and the index itself read archives in different ways; the package refuses a file that they
// could read differently, however harmless it may be.
//
// Sources: APPNOTE.TXT 6.3.10 (zip), POSIX.1-2017 "pax" and the GNU tar manual (tar), RFC 1952
// (gzip), and the binary distribution, source distribution and core metadata specifications of
// packaging.python.org.
package archive

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/text"
)

// The limits of an archive. An archive beyond them is refused.
const (
	MaxEntries  = 65_535   // files and folders, including folders that only occur in other names
	MaxNames    = 4 << 20  // bytes of all names together
	maxName     = 1024     // bytes of one name
	maxDepth    = 64       // folders in one name
	maxMetadata = 2 << 20  // bytes of METADATA, PKG-INFO, WHEEL or entry_points.txt
	smallEnough = 64 << 20 // unpacked bytes up to which maxRatio does not apply
	maxRatio    = 50       // unpacked bytes per byte of the file, above smallEnough
	chunk       = 32 << 10 // bytes of an archived file in memory at a time
)

// Want says what a file claims to be.
type Want struct {
	Filename string // ends in .whl, .tar.gz or .zip
	Project  string // normalized
	Version  string // in any spelling of PEP 440

	// Metadata, if it is not nil, gets the text of a wheel's METADATA, at most 2 MiB. It means nothing unless Check returns nil.
	Metadata *[]byte

	// Ahead, if it is not nil, has unpacked a part of the file before. Check looks at the structure of the archive first, and then waits for what
	// Ahead can unpack of the rest. It is for one call.
	Ahead *Ahead
}

// Fault says what is wrong with an archive: a sentence for its uploader.
type Fault struct{ Sentence string }

func (f *Fault) Error() string { return "archive: " + f.Sentence }

func fault(format string, args ...any) error {
	s := fmt.Sprintf(format, args...) + "."
	return &Fault{strings.ToUpper(s[:1]) + s[1:]}
}

// Check reads a wheel (.whl) or an sdist (.tar.gz, .zip) of size bytes, and compares its content
// with want. It stops when ctx ends. Whatever the file is, at most 16 MiB of memory are in use at any time, without what the
// garbage collector has yet to free.
//
// The error is a [Fault] if the archive must not be offered; otherwise it comes from ctx or from the file.
func Check(ctx context.Context, file io.ReaderAt, size int64, want Want) error {
	src := &source{ctx: ctx, file: file, size: size}
	var err error
	switch {
	case strings.HasSuffix(want.Filename, ".whl"):
		err = checkWheel(src, want)
	case strings.HasSuffix(want.Filename, ".tar.gz"):
		err = checkTar(src, want)
	case strings.HasSuffix(want.Filename, ".zip"):
		err = checkZipSdist(src, want)
	default:
		err = fault("the file '%s' is of no kind that can be read", clip(want.Filename))
	}
	if src.err != nil { // the result is about data that was not read correctly
		return fmt.Errorf("archive: read '%s': %w", want.Filename, src.err)
	}
	return err
}

// source is the file. It remembers read errors, because decompressors hide them.
type source struct {
	ctx   context.Context
	file  io.ReaderAt
	size  int64
	err   error
	ahead map[int64]unpackedEntry // of an [Ahead]
}

func (s *source) ReadAt(p []byte, at int64) (int, error) {
	if s.err == nil {
		s.err = s.ctx.Err()
	}
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.file.ReadAt(p, at)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// buffer is a buffer for reading size bytes a chunk at a time: most files are smaller than a chunk.
func buffer(size int64) []byte { return make([]byte, min(chunk, max(size, 512))) }

// section reads a part of the file.
func (s *source) section(at, size int64) io.Reader { return io.NewSectionReader(s, at, size) }

// isName reports whether a text is a spelling of the project's name.
func (w Want) isName(s string) bool {
	return caveats.ValidProjectName(s) && caveats.NormalizeProject(s) == w.Project
}

// isVersion reports whether a text is a spelling of the version.
func (w Want) isVersion(s string) bool {
	return caveats.ValidVersion(s) && caveats.EqualVersions(s, w.Version)
}

// isStem reports whether a text is name-version, the beginning of folder names in wheels.
func (w Want) isStem(s string) bool {
	for i := range len(s) {
		if s[i] == '-' && w.isName(s[:i]) && (w.isVersion(s[i+1:]) || w.isVersion(strings.ReplaceAll(s[i+1:], "_", "-"))) {
			return true
		}
	}
	return false
}

// unpacked refuses an archive that unpacks to far more than its own size.
func unpacked(total, size int64) error {
	if total > smallEnough && total/maxRatio > size {
		return fault("it unpacks to more than %d times its size", maxRatio)
	}
	return nil
}

// clip makes a text from the uploader fit for quoting in a sentence.
func clip(s string) string { return text.Line(text.Clip(s)) }
