// Package archive reads wheels and sdists as an index has to before it offers them: whole, within
// limits, and by rules under which no two readers see different files in them. Installers, tools
// that look for malware and the index itself read archives in different ways; a file that they
// could read differently is refused, however harmless it may be.
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

// Limits of an archive. Beyond them it is refused.
const (
	MaxEntries  = 65_535   // files and folders, and folders that are only part of a name
	MaxNames    = 4 << 20  // bytes of all names
	maxName     = 1024     // bytes of one name
	maxDepth    = 64       // folders of one name
	maxMetadata = 2 << 20  // bytes of METADATA, PKG-INFO, WHEEL or entry_points.txt
	smallEnough = 64 << 20 // bytes that may be packed as tightly as they like
	maxRatio    = 50       // bytes unpacked for each byte of the file, beyond smallEnough
	chunk       = 32 << 10 // bytes that are in memory at once of a file in the archive
)

// Want is what a file is said to be.
type Want struct {
	Filename string // ends in .whl, .tar.gz or .zip
	Project  string // normalized
	Version  string // in any spelling of PEP 440
}

// Fault says what is wrong with an archive: a sentence for its uploader.
type Fault struct{ Sentence string }

func (f *Fault) Error() string { return "archive: " + f.Sentence }

func fault(format string, args ...any) error {
	s := fmt.Sprintf(format, args...) + "."
	return &Fault{strings.ToUpper(s[:1]) + s[1:]}
}

// Check reads a wheel (.whl) or an sdist (.tar.gz, .zip) of size bytes, and holds what is in it
// against want. It keeps at most 20 MiB of memory whatever the file is, and stops with ctx.
//
// The error is a [Fault] where the archive is not one to offer, or that of ctx or of the file.
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
	if src.err != nil { // what was read is not what is there
		return fmt.Errorf("archive: read '%s': %w", want.Filename, src.err)
	}
	return err
}

// source is the file, and remembers the error of reading it: decompressors hide it.
type source struct {
	ctx  context.Context
	file io.ReaderAt
	size int64
	err  error
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

// isStem reports whether a text is name-version, as folders of wheels begin.
func (w Want) isStem(s string) bool {
	for i := range len(s) {
		if s[i] == '-' && w.isName(s[:i]) && (w.isVersion(s[i+1:]) || w.isVersion(strings.ReplaceAll(s[i+1:], "_", "-"))) {
			return true
		}
	}
	return false
}

// unpacked refuses what unpacks to far more than it is.
func unpacked(total, size int64) error {
	if total > smallEnough && total/maxRatio > size {
		return fault("it unpacks to more than %d times its size", maxRatio)
	}
	return nil
}

// clip is a text of the uploader's as a sentence can hold it.
func clip(s string) string { return text.Line(text.Clip(s)) }
