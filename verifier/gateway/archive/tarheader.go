package archive

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// nameSize is the space for a name in a header, in bytes.
const nameSize = 100

// maxRecords limits the records of one entry, in bytes. They include extended attributes.
const maxRecords = 256 << 10

// header is the header of one entry.
type header struct {
	name string
	size int64
	kind byte
}

// readHeader reads a header of the formats ustar, pax, GNU and v7.
func readHeader(b *[block]byte) (h header, err error) {
	name, ok := cString(b[:nameSize])
	if !ok {
		return h, fault("a name in the tar file has bytes behind the NUL that ends it: '%s'", clip(name))
	}
	h.name, h.kind = name, b[156]
	if !checksumIsRight(b) {
		return h, fault("a header of the tar file has a wrong checksum: at '%s'", clip(name))
	}
	h.size, ok = octal(b[124:136])
	if !ok {
		return h, fault("an entry has an impossible size: '%s'", clip(name))
	}
	if !numbersAreRight(b) {
		return h, fault("a header of the tar file has a field that is not a number: at '%s'", clip(name))
	}
	prefix, ok := cString(b[345:500])
	switch {
	case string(b[257:265]) == "ustar\x0000" && ok:
		if prefix != "" {
			h.name = prefix + "/" + name
		}
	case string(b[257:265]) == "ustar\x0000", prefix != "" && h.kind != typeLongName:
		// Some programs read a prefix whatever the format is.
		return h, fault("the header of an entry is of no known format: '%s'", clip(name))
	case string(b[257:265]) != "ustar  \x00" && [8]byte(b[257:265]) != [8]byte{}:
		return h, fault("the header of an entry is of no known format: '%s'", clip(name))
	}
	return h, nil
}

// cString returns a text up to its first NUL. ok is false if anything but NULs follows.
func cString(b []byte) (s string, ok bool) {
	before, after, _ := bytes.Cut(b, []byte{0})
	return string(before), len(bytes.Trim(after, "\x00")) == 0
}

// octal returns a number in octal digits, in a form that all programs read alike.
func octal(b []byte) (int64, bool) {
	s := strings.TrimLeft(string(b), " ")
	digits := len(s) - len(strings.TrimLeft(s, "01234567"))
	if digits == 0 && strings.Trim(s, " \x00") == "" {
		return 0, true // some programs leave the field empty
	}
	n, err := strconv.ParseInt(s[:digits], 8, 64)
	return n, err == nil && strings.Trim(s[digits:], " \x00") == ""
}

// numbersAreRight checks the numbers that are not used here: if Python can't read one, it takes the header
// for the end of the tar file, while other programs read on. Numbers that are too large for octal digits are
// in binary, after 0x80 or 0xff.
func numbersAreRight(b *[block]byte) bool {
	for _, field := range [][]byte{b[100:108], b[108:116], b[116:124], b[136:148], b[329:337], b[337:345]} { // mode, uid, gid, mtime, device
		if _, ok := octal(field); !ok && field[0] != 0x80 && field[0] != 0xff {
			return false
		}
	}
	return true
}

func checksumIsRight(b *[block]byte) bool {
	is, ok := octal(b[148:156])
	sum := int64(8 * ' ')
	for i, c := range b {
		if i < 148 || i >= 156 {
			sum += int64(c)
		}
	}
	return ok && sum == is
}

// extend reads a record for the next entry, or for all following entries.
func (t *tarFile) extend(h header) error {
	if h.size > maxRecords || h.size == 0 {
		return fault("the tar file has records of %d bytes for an entry", h.size)
	}
	if h.kind != typeGlobal && (t.pax != nil && h.kind == typePax || t.long != "" && h.kind == typeLongName) {
		return fault("an entry of the tar file has its records twice")
	}
	b := make([]byte, h.size)
	if _, err := io.ReadFull(t, b); err != nil {
		return t.src.orFault(err, "the tar file is cut off")
	}
	if err := t.skip(0, h.size); err != nil {
		return err
	}
	if h.kind == typeLongName {
		name, ok := cString(b)
		if !ok || name == "" {
			return fault("a long name in the tar file is empty, or has bytes behind the NUL that ends it: '%s'", clip(name))
		}
		t.long = name
		return nil
	}
	records, err := readPax(b)
	if err != nil {
		return err
	}
	if h.kind == typeGlobal {
		if _, ok := records["path"]; ok {
			return fault("a record of the tar file renames all entries")
		}
		return nil
	}
	t.pax = records
	return nil
}

// readPax reads the records of a pax header: "length key=value\n". It refuses records that would make some
// programs see a different entry. Of the others only the path is needed.
func readPax(b []byte) (map[string]string, error) {
	records := map[string]string{}
	for len(b) > 0 {
		head, _, ok := bytes.Cut(b, []byte(" "))
		size, err := strconv.Atoi(string(head))
		if !ok || err != nil || head[0] < '1' || head[0] > '9' || size <= len(head)+1 || size > len(b) || b[size-1] != '\n' {
			return nil, fault("a record of the tar file is malformed")
		}
		key, value, ok := strings.Cut(string(b[len(head)+1:size-1]), "=")
		b = b[size:]
		_, again := records[key]
		switch {
		case !ok || key == "" || !utf8.ValidString(key):
			return nil, fault("a record of the tar file is malformed")
		case again:
			return nil, fault("the tar file has the record '%s' twice for an entry", clip(key))
		case key == "size" || key == "linkpath" || key == "hdrcharset" || strings.HasPrefix(key, "GNU.sparse."), key == "SCHILY.realsize", key == "SCHILY.filetype":
			return nil, fault("the tar file has the record '%s', which programs understand differently", clip(key))
		case key == "path" && (value == "" || strings.Contains(value, "\x00")):
			return nil, fault("the tar file has an empty name, or one with a NUL in it")
		}
		records[key] = value
		if len(records) > maxFields {
			return nil, fault("the tar file has more than %d records for an entry", maxFields)
		}
	}
	return records, nil
}
