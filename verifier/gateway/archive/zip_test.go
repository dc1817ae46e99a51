package archive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// u16 and u32 change a field of a record.
func u16(at int, v uint16) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint16(b[at:], v) }
}

func u32(at int, v uint32) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint32(b[at:], v) }
}

func end16(at int, v uint16) func(*zparts) { return func(p *zparts) { u16(at, v)(p.end) } }

// unixPath is the extra field with a second name.
func unixPath(name string) string {
	b := binary.LittleEndian.AppendUint16(nil, extraUnicodePath)
	b = binary.LittleEndian.AppendUint16(b, uint16(5+len(name)))
	return string(b) + "\x01\x00\x00\x00\x00" + name
}

func zip64(sizes ...uint64) string {
	b := binary.LittleEndian.AppendUint16(nil, extraZip64)
	b = binary.LittleEndian.AppendUint16(b, uint16(8*len(sizes)))
	for _, n := range sizes {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return string(b)
}

func TestZipFiles(t *testing.T) { try(t, zipCases(t)) }

func zipCases(t *testing.T) []hostile {
	t.Helper()
	good := wheelFiles()
	text := strings.Repeat("x = 1\n", 100)
	module := func(f zfile) []byte {
		f.name, f.data = "demo/a.py", text
		return wheelOf(f)
	}
	end64 := func(change func(record, locator []byte)) func(*zparts) {
		return func(p *zparts) {
			le := binary.LittleEndian
			record, locator := make([]byte, end64Size), make([]byte, locator64Size)
			le.PutUint32(record, end64Signature)
			le.PutUint64(record[4:], end64Size-12)
			count := uint64(le.Uint16(p.end[10:]))
			le.PutUint64(record[24:], count)
			le.PutUint64(record[32:], count)
			le.PutUint64(record[40:], uint64(len(p.dir)))
			le.PutUint64(record[48:], uint64(len(p.files)))
			le.PutUint32(locator, locator64Signature)
			le.PutUint64(locator[8:], uint64(len(p.files)+len(p.between)+len(p.dir)))
			le.PutUint32(locator[16:], 1)
			u32(16, 0xffffffff)(p.end)
			change(record, locator)
			p.behindDir = append(record, locator...)
		}
	}
	return []hostile{
		{"good", wheelName, wheelOf(), ""},
		{"good, stored", wheelName, module(zfile{stored: true}), ""},
		{"good, with a folder's entry", wheelName, wheelOf(zfile{name: "demo/", stored: true}, zfile{name: "demo/a.py"}), ""},
		{"good, setuid", wheelName, module(zfile{mode: 0o104755 << 16}), ""},
		{"good, marked as UTF-8", wheelName, wheelOf(zfile{name: "demo/ä.txt", flags: flagUTF8}), ""},
		{"good, sizes of 64 bits in the header", wheelName, module(zfile{stored: true, localExtra: zip64(600, 600), local: func(b []byte) { u32(18, 0xffffffff)(b); u32(22, 0xffffffff)(b) }}), ""},
		{"good, sizes of 64 bits in the header that say the same again, as Bazel writes them", wheelName, module(zfile{stored: true, localExtra: zip64(600, 600)}), ""},
		{"good, a deflated folder without content, as Python 2 writes it", wheelName, wheelOf(zfile{name: "demo/", method: methodDeflate}, zfile{name: "demo/a.py"}), ""},
		{"good, end for 64 bits", wheelName, zipOf(good, end64(func(_, _ []byte) {})), ""},
		{"good, other extra fields", wheelName, module(zfile{extra: "UT\x01\x00\x00", localExtra: "UT\x05\x00\x00\x00\x00\x00\x00"}), ""},
		{"good, a zip file in it", wheelName, wheelOf(zfile{name: "demo/inner.zip", data: string(wheelOf()), stored: true}), ""},

		{"nothing", wheelName, nil, "not a zip file"},
		{"magic and junk", wheelName, append([]byte("PK\x03\x04"), make([]byte, 400)...), "not a zip file"},
		{"empty", wheelName, zipOf(nil), "is empty"},
		{"cut at the end", wheelName, wheelOf()[:len(wheelOf())-1], "cut off"},
		{"a byte behind", wheelName, append(wheelOf(), 0), "something behind it"},
		{"a zip file behind a zip file", wheelName, append(wheelOf(), wheelOf()...), "is not where"},
		{"bytes before", wheelName, append([]byte("#!/bin/sh\n"), wheelOf()...), "is not where"},
		{"bytes before, with places that fit", wheelName, zipOf(append([]zfile{{name: "demo/a.py", data: text, before: "MZ"}}, good...)), "belong to no entry"},
		{"bytes between entries", wheelName, wheelOf(zfile{name: "demo/a.py", before: "hidden"}), "belong to no entry"},
		{"an entry that no record names", wheelName, zipOf(wheelFiles(zfile{name: "demo/evil.py", noRecord: true})), "belong to no entry"},
		{"bytes before the directory", wheelName, zipOf(good, func(p *zparts) { p.between = []byte("x") }), "is not where"},
		{"bytes behind the directory", wheelName, zipOf(good, func(p *zparts) { p.behindDir = []byte("x") }), "is not where"},
		{"a second directory before", wheelName, zipOf(good, func(p *zparts) { p.between = bytes.Clone(p.dir) }), "is not where"},
		{"a comment", wheelName, zipOf(good, func(p *zparts) { u16(20, 2)(p.end); p.end = append(p.end, 'h', 'i') }), "comment"},
		{"a comment that holds an end", wheelName, zipOf(good, func(p *zparts) { e := bytes.Clone(p.end); u16(20, endSize)(p.end); p.end = append(p.end, e...) }), "is not where"},
		{"a count that is too small", wheelName, zipOf(good, end16(8, 2), end16(10, 2)), "behind its last entry"},
		{"a count that is too large", wheelName, zipOf(good, end16(8, 5), end16(10, 5)), "cut off"},
		{"counts that differ", wheelName, zipOf(good, end16(8, 1)), "counts its entries twice"},
		{"another disk", wheelName, zipOf(good, end16(4, 1)), "several parts"},
		{"an end for 64 bits that lies about the count", wheelName, zipOf(good, end64(func(r, _ []byte) { r[24]++; r[32]++ })), "two ends that disagree"},
		{"an end for 64 bits that lies about the place", wheelName, zipOf(good, end64(func(r, _ []byte) { r[48]++ })), "is not where"},
		{"a locator that leads elsewhere", wheelName, zipOf(good, end64(func(_, l []byte) { l[8]++ })), "two ends that disagree"},
		{"an end for 64 bits that is missing", wheelName, zipOf(good, end16(8, 0xffff), end16(10, 0xffff)), "lacks the record"},

		{"a local header with another name", wheelName, module(zfile{localName: "demo/b.py"}), "disagree"},
		{"a local header with another method", wheelName, module(zfile{local: u16(8, 0)}), "disagree"},
		{"a local header with another checksum", wheelName, module(zfile{local: u32(14, 1)}), "disagree"},
		{"a local header with another packed size", wheelName, module(zfile{local: u32(18, 1)}), "disagree"},
		{"a local header with another size", wheelName, module(zfile{local: u32(22, 1)}), "disagree"},
		{"a local header with other flags", wheelName, module(zfile{local: u16(6, flagUTF8)}), "disagree"},
		{"no local header", wheelName, module(zfile{local: u32(0, 0)}), "is not where"},
		{"two records for one entry", wheelName, zipOf(append(good, zfile{name: "demo/b.py", central: u32(42, 0)})), "belong to no entry, or to two"},
		{"sizes behind the data", wheelName, module(zfile{flags: flagSizeBehind}), "behind its data"},
		{"patched data", wheelName, module(zfile{flags: 1 << 5}), "flags that not every program"},
		{"a flag that is reserved", wheelName, module(zfile{flags: 1 << 15}), "flags that not every program"},
		{"a later version of the format", wheelName, module(zfile{central: u16(6, 64)}), "a version of the format"},
		{"good, with flags of deflate", wheelName, module(zfile{flags: 1 << 1}), ""},
		{"encrypted", wheelName, module(zfile{flags: 1}), "encrypted"},
		{"strongly encrypted", wheelName, module(zfile{flags: 1 << 6}), "encrypted"},
		{"a directory that is masked", wheelName, module(zfile{flags: 1 << 13}), "encrypted"},
		{"bzip2", wheelName, module(zfile{method: 12}), "method 12"},
		{"LZMA", wheelName, module(zfile{method: 14}), "method 14"},
		{"Zstandard", wheelName, module(zfile{method: 93}), "method 93"},
		{"a comment of an entry", wheelName, module(zfile{comment: "hi"}), "has a comment"},
		{"an entry on another disk", wheelName, module(zfile{central: u16(34, 1)}), "another part"},
		{"a second name in the directory", wheelName, module(zfile{extra: unixPath("demo/b.py")}), "second name"},
		{"a second name in the header", wheelName, module(zfile{localExtra: unixPath("demo/b.py")}), "second name"},
		{"an extra field that is cut off", wheelName, module(zfile{extra: "UT\x09\x00x"}), "cut off"},
		{"a rest of extra fields", wheelName, module(zfile{extra: "UT\x00\x00abc"}), "cut off"},
		{"sizes of 64 bits that are not needed", wheelName, module(zfile{extra: zip64(600, 20)}), "size twice"},
		{"sizes of 64 bits twice", wheelName, module(zfile{extra: zip64(600) + zip64(600)}), "sizes twice"},
		{"sizes of 64 bits that are missing", wheelName, module(zfile{central: u32(24, 0xffffffff)}), "lacks its size"},
		{"a size of 64 bits that is negative", wheelName, module(zfile{central: u32(24, 0xffffffff), extra: zip64(1 << 63)}), "impossible size"},
		{"a header with sizes of 64 bits that lie", wheelName, module(zfile{localExtra: zip64(1, 1)}), "size twice"},

		{"content that is longer", wheelName, module(zfile{size: 10}), "is larger than"},
		{"content that is shorter", wheelName, module(zfile{size: 1000}), "is not what the zip file says"},
		{"another checksum", wheelName, module(zfile{local: u32(14, 1), central: u32(16, 1)}), "is not what the zip file says"},
		{"bytes behind the end of what is packed", wheelName, module(zfile{behind: "hidden"}), "behind its end"},
		{"not deflate", wheelName, module(zfile{method: 8}), "can't be unpacked"},
		{"stored in another size", wheelName, module(zfile{stored: true, size: 5}), "another size"},
		{"a size without content", wheelName, wheelOf(zfile{name: "demo/a.py", stored: true, central: func(b []byte) { u16(10, 8)(b); u32(24, 9)(b) }, local: func(b []byte) { u16(8, 8)(b); u32(22, 9)(b) }}), "no content"},
		{"a bomb", wheelName, wheelOf(zfile{name: "demo/a.txt", data: strings.Repeat("\x00", 70<<20)}), "more than 50 times"},
		{"a bomb that lies", wheelName, wheelOf(zfile{name: "demo/a.txt", data: strings.Repeat("\x00", 70<<20), size: 5}), "is larger than"},
		{"30 MB of METADATA", wheelName, wheelOf(zfile{name: info + "METADATA", data: metadata + strings.Repeat("x", 30<<20)}), "larger than"},
		{"too many entries", wheelName, manyEntries(MaxEntries + 1), "more than"},

		{"a link", wheelName, module(zfile{mode: 0o120777 << 16}), "link or a device"},
		{"a device", wheelName, module(zfile{mode: 0o020666 << 16}), "link or a device"},
		{"a pipe", wheelName, module(zfile{mode: 0o010666 << 16}), "link or a device"},
		{"a folder with content", wheelName, wheelOf(zfile{name: "demo/", data: "x"}), "file and a folder"},
		{"a folder without a slash", wheelName, module(zfile{mode: 0o040755 << 16}), "file and a folder"},
	}
}

func manyEntries(n int) []byte {
	files := make([]zfile, n)
	for i := range files {
		files[i] = zfile{name: fmt.Sprint("demo/", i), stored: true}
	}
	return zipOf(files, func(p *zparts) { u16(8, 0xfffe)(p.end); u16(10, 0xfffe)(p.end) }, func(p *zparts) {
		record, locator := make([]byte, end64Size), make([]byte, locator64Size)
		le := binary.LittleEndian
		le.PutUint32(record, end64Signature)
		le.PutUint64(record[4:], end64Size-12)
		le.PutUint64(record[24:], uint64(n))
		le.PutUint64(record[32:], uint64(n))
		le.PutUint64(record[40:], uint64(len(p.dir)))
		le.PutUint64(record[48:], uint64(len(p.files)))
		le.PutUint32(locator, locator64Signature)
		le.PutUint64(locator[8:], uint64(len(p.files)+len(p.dir)))
		le.PutUint32(locator[16:], 1)
		u16(8, 0xffff)(p.end)
		u16(10, 0xffff)(p.end)
		p.behindDir = append(record, locator...)
	})
}
