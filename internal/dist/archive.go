package dist

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"io"
	"strings"
)

// The limits for reading an archive that nothing has checked, in bytes.
const (
	maxZipRead       = 8 << 20  // read from a zip file: its directory and one entry
	maxTarRead       = 64 << 20 // unpacked from a tar file before its metadata
	maxHeaders       = 1 << 20  // of the metadata's header fields
	maxWheelMetadata = 2 << 20  // of a wheel's METADATA
)

// Archive is an open file of a package; *os.File is one.
type Archive interface {
	io.ReadSeeker
	io.ReaderAt
}

// RequiresPython returns the Requires-Python of a package's own metadata (core
// metadata specification of packaging.python.org), or "" if there is none within
// the limits. It does not validate it: see [Listable]. size is the size of the file in
// bytes; the ending of name says which kind of archive it is. It stops early if a Read of file fails.
func RequiresPython(file Archive, size int64, name string) string {
	var value string
	if strings.HasSuffix(name, ".tar.gz") {
		value = fromTar(file)
	} else {
		value = fromZip(file, size, strings.HasSuffix(name, ".whl"))
	}
	value = NormalizeRequiresPython(value)
	if !Listable(value) {
		return ""
	}
	return value
}

// isMetadata reports whether an archive's entry is the package's metadata:
// name-version.dist-info/METADATA in a wheel, name-version/PKG-INFO in an sdist,
// whose entries begin with "./" if it was packed with the tar program.
func isMetadata(entry string, isWheel bool) bool {
	for !isWheel && strings.HasPrefix(entry, "./") {
		entry = entry[2:]
	}
	folder, base, _ := strings.Cut(entry, "/")
	if isWheel {
		return base == "METADATA" && strings.HasSuffix(folder, ".dist-info")
	}
	return base == "PKG-INFO"
}

// WheelMetadata returns the METADATA of a wheel of size bytes, exactly as it is in there (PEP 658), or nil if the file has none
// or several, or one that is larger than 2 MiB.
func WheelMetadata(file io.ReaderAt, size int64) []byte {
	archive, err := zip.NewReader(&budgetReaderAt{file, maxZipRead}, size)
	if err != nil {
		return nil
	}
	var found *zip.File
	for _, entry := range archive.File {
		if !isMetadata(entry.Name, true) {
			continue
		}
		if found != nil || entry.UncompressedSize64 > maxWheelMetadata {
			return nil
		}
		found = entry
	}
	if found == nil {
		return nil
	}
	r, err := found.Open()
	if err != nil {
		return nil
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, maxWheelMetadata+1)) // with an error if the checksum is another
	if err != nil || len(text) > maxWheelMetadata {
		return nil
	}
	return text
}

func fromZip(file io.ReaderAt, size int64, isWheel bool) string {
	archive, err := zip.NewReader(&budgetReaderAt{file, maxZipRead}, size)
	if err != nil {
		return ""
	}
	for _, entry := range archive.File {
		if !isMetadata(entry.Name, isWheel) {
			continue
		}
		r, err := entry.Open()
		if err != nil {
			return ""
		}
		defer r.Close()
		return headerField(r, "Requires-Python")
	}
	return ""
}

func fromTar(file Archive) string {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return ""
	}
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return ""
	}
	archive := tar.NewReader(io.LimitReader(unpacked, maxTarRead))
	for {
		entry, err := archive.Next()
		if err != nil {
			return ""
		}
		if entry.Typeflag == tar.TypeReg && isMetadata(entry.Name, false) {
			return headerField(archive, "Requires-Python")
		}
	}
}

// budgetReaderAt reads a bounded number of bytes in all and then fails, so that a
// zip file can't make its directory as large as itself.
type budgetReaderAt struct {
	io.ReaderAt
	left int64
}

func (r *budgetReaderAt) ReadAt(p []byte, off int64) (int, error) {
	r.left -= int64(len(p))
	if r.left < 0 {
		return 0, errors.New("dist: the archive's directory is too large to read")
	}
	return r.ReaderAt.ReadAt(p, off)
}
