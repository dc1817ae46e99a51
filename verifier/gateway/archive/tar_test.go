package archive

import (
	"archive/tar"
	"strings"
	"testing"
)

func TestTarFiles(t *testing.T) { try(t, tarCases(t)) }

func tarCases(t *testing.T) []hostile {
	t.Helper()
	long := "demo-1.0/" + strings.Repeat("folder/", 20) + "a.py"
	prefixed := func(prefix string) func(*[block]byte) {
		return func(b *[block]byte) { copy(b[345:], prefix) }
	}
	size := func(text string) func(*[block]byte) {
		return func(b *[block]byte) { copy(b[124:136], make([]byte, 12)); copy(b[124:], text) }
	}
	a := tfile{name: "demo-1.0/a.py", data: "x = 1\n"}
	with := func(change func(*[block]byte)) tfile { return tfile{name: a.name, data: a.data, header: change} }
	gnuMagic := func(b *[block]byte) { copy(b[257:], "ustar  \x00") }
	good := append(blocksOf(tfile{name: "demo-1.0/PKG-INFO", data: metadata}, a), ending)
	return []hostile{
		{"good", tarName, tarOf(a), ""},
		{"good, with one zip file", zipName, zipOf([]zfile{{name: "demo-1.0/PKG-INFO", data: metadata}, {name: "demo-1.0/a.py"}}), ""},
		{"good, padded", tarName, gzipped(append(good, make([]byte, 20*block))...), ""},
		{"good, in GNU's format", tarName, tarOf(with(gnuMagic)), ""},
		{"good, in the old format", tarName, tarOf(with(func(b *[block]byte) { copy(b[257:265], make([]byte, 8)) })), ""},
		{"good, with a prefix", tarName, tarOf(tfile{name: "folder/a.py", header: prefixed("demo-1.0")}), ""},
		{"good, with a long name", tarName, tarOf(pax("path", long), tfile{name: short(long)}), ""},
		{"good, with a long name in GNU's format", tarName, tarOf(tfile{name: "././@LongLink", kind: 'L', data: long + "\x00"}, tfile{name: short(long), header: gnuMagic}), ""},
		{"good, with a long name, by maturin", tarName, tarOf(pax("path", long), tfile{name: "PaxHeaders/0"}), ""},
		{"good, with letters", tarName, tarOf(named("demo-1.0/ä.py")...), ""},
		{"good, with records that say nothing of the name", tarName, tarOf(pax("mtime", "1.5", "LIBARCHIVE.creationtime", "1"), a), ""},
		{"good, with a comment for all", tarName, gzipped(append([][]byte{tfile{name: "pax_global_header", kind: 'g', data: "52 comment=0123456789012345678901234567890123456789\n"}.bytes()}, good...)...), ""},
		{"good, packed in the folder", tarName, gzipped(append(blocksOf(tfile{name: "./", kind: '5'}, tfile{name: "./demo-1.0/", kind: '5'}, tfile{name: "./demo-1.0/PKG-INFO", data: metadata}), ending)...), ""},
		{"good, by Go", tarName, tarOfGo(t, tar.FormatPAX, long, "demo-1.0/ä"), ""},
		{"good, by Go, in GNU's format", tarName, tarOfGo(t, tar.FormatGNU, long), ""},

		{"magic and junk", tarName, append([]byte("\x1f\x8b\x08"), make([]byte, 400)...), "can't be unpacked"},
		{"not gzip", tarName, []byte("BZh91AY&SY"), "not compressed with gzip"},
		{"a zip file", tarName, wheelOf(), "not compressed with gzip"},
		{"bzip2 inside", tarName, gzipped([]byte("BZh91AY&SY"), make([]byte, 1024)), "checksum"},
		{"cut in gzip", tarName, tarOf(a)[:100], "cut off"},
		{"a byte behind", tarName, append(tarOf(a), 0), "behind the end of its gzip"},
		{"a second gzip stream", tarName, append(tarOf(a), tarOf(a)...), "behind the end of its gzip"},
		{"nothing inside", tarName, gzipped(), "cut off"},
		{"cut in an entry", tarName, gzipped(append(blocksOf(tfile{name: "demo-1.0/PKG-INFO", data: metadata}), a.bytes()[:600])...), "cut off"},
		{"no end", tarName, gzipped(good[:2]...), "cut off"},
		{"half an end", tarName, gzipped(append(good[:2], ending[:block])...), "two blocks of zeros"},
		{"entries behind the end", tarName, gzipped(append(good, a.bytes(), ending)...), "behind its end"},
		{"entries behind one block of zeros", tarName, gzipped(good[0], ending[:block], a.bytes(), ending), "behind its end"},
		{"junk behind the end", tarName, gzipped(append(good, []byte("hidden"))...), "behind its end"},
		{"a wrong checksum", tarName, tarOf(tfile{name: a.name, raw: true, header: func(b *[block]byte) { b[150] ^= 1 }}), "checksum"},
		{"a prefix in GNU's format", tarName, tarOf(tfile{name: a.name, header: func(b *[block]byte) { gnuMagic(b); prefixed("demo-1.0/x")(b) }}), "no known format"},
		{"an unknown format", tarName, tarOf(with(func(b *[block]byte) { copy(b[257:], "rats!\x0000") })), "no known format"},
		{"a size that is negative", tarName, tarOf(with(size("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))), "impossible size"},
		{"a size in binary", tarName, tarOf(with(size("\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x06"))), "impossible size"},
		{"a size with a sign", tarName, tarOf(with(size("-0000000006\x00"))), "impossible size"},
		{"a size with something behind it", tarName, tarOf(with(size("6\x000000000006"))), "impossible size"},
		{"a mode that is no number", tarName, tarOf(with(func(b *[block]byte) { copy(b[100:], "rwx") })), "a field that is not a number"},
		{"a device that is no number", tarName, tarOf(with(func(b *[block]byte) { copy(b[329:], "x") })), "a field that is not a number"},
		{"good, an owner in binary", tarName, tarOf(with(func(b *[block]byte) { copy(b[108:], "\x80\x00\x00\x00\x1c\x31\x1f\x6d") })), ""},
		{"a record of a sparse file of star's", tarName, tarOf(pax("SCHILY.realsize", "1"), a), "'SCHILY.realsize'"},
		{"a giant size", tarName, tarOf(with(size("77777777777\x00"))), "cut off"},
		{"a bomb", tarName, tarOf(tfile{name: "demo-1.0/a", data: strings.Repeat("\x00", 70<<20)}), "more than 50 times"},

		{"a symbolic link", tarName, tarOf(tfile{name: "demo-1.0/l", kind: '2', header: func(b *[block]byte) { copy(b[157:], "PKG-INFO") }}), "is a link"},
		{"a symbolic link that leaves", tarName, tarOf(tfile{name: "demo-1.0/l", kind: '2', header: func(b *[block]byte) { copy(b[157:], "../../etc/passwd") }}), "is a link"},
		{"a hard link", tarName, tarOf(tfile{name: "demo-1.0/l", kind: '1', header: func(b *[block]byte) { copy(b[157:], "demo-1.0/PKG-INFO") }}), "is a link"},
		{"a character device", tarName, tarOf(tfile{name: "demo-1.0/d", kind: '3'}), "neither a file nor a folder"},
		{"a block device", tarName, tarOf(tfile{name: "demo-1.0/d", kind: '4'}), "neither a file nor a folder"},
		{"a pipe", tarName, tarOf(tfile{name: "demo-1.0/d", kind: '6'}), "neither a file nor a folder"},
		{"a contiguous file", tarName, tarOf(tfile{name: "demo-1.0/d", kind: '7'}), "neither a file nor a folder"},
		{"a sparse file", tarName, tarOf(tfile{name: "demo-1.0/d", kind: 'S'}), "neither a file nor a folder"},
		{"an unknown type", tarName, tarOf(tfile{name: "demo-1.0/d", kind: 'Z'}), "neither a file nor a folder"},
		{"a file that ends with a slash", tarName, tarOf(tfile{name: "demo-1.0/d/", data: "x"}), "file and a folder"},
		{"a folder with content", tarName, tarOf(tfile{name: "demo-1.0/d/", kind: '5', data: "x"}), "file and a folder"},

		{"a record that renames", tarName, tarOf(pax("path", "demo-1.0/b.py"), a), "renames"},
		{"a record that makes a file the metadata", tarName, tarOf(pax("path", "demo-1.0/PKG-INFO"), a), "renames"},
		{"a GNU record that renames", tarName, tarOf(tfile{name: "././@LongLink", kind: 'L', data: "demo-1.0/b.py\x00"}, a), "renames"},
		{"a record that moves", tarName, tarOf(pax("path", long), tfile{name: "other/a.py"}), "moves"},
		{"a record that renames a placeholder", tarName, tarOf(pax("path", "demo-1.0/b.py"), tfile{name: "PaxHeaders/0"}), "renames"},
		{"a GNU record that moves a placeholder", tarName, tarOf(tfile{name: "././@LongLink", kind: 'L', data: long + "\x00"}, tfile{name: "PaxHeaders/0"}), "moves"},
		{"a record that moves what looks like a placeholder", tarName, tarOf(pax("path", long), tfile{name: "PaxHeaders/0/a.py"}), "moves"},
		{"a record with a size", tarName, tarOf(pax("size", "1"), a), "'size'"},
		{"a record of a sparse file", tarName, tarOf(pax("GNU.sparse.major", "1"), a), "'GNU.sparse.major'"},
		{"a record with an encoding", tarName, tarOf(pax("hdrcharset", "BINARY"), a), "'hdrcharset'"},
		{"a record twice", tarName, tarOf(pax("path", long, "path", long+"x"), tfile{name: short(long)}), "twice"},
		{"two records", tarName, tarOf(pax("mtime", "1"), pax("mtime", "2"), a), "twice"},
		{"two kinds of long name", tarName, tarOf(pax("path", long), tfile{name: "././@LongLink", kind: 'L', data: long + "\x00"}, tfile{name: short(long)}), "two long names"},
		{"a record that is malformed", tarName, tarOf(tfile{name: "x", kind: 'x', data: "99 path=a\n"}, a), "malformed"},
		{"a record with a length of zeros", tarName, tarOf(tfile{name: "x", kind: 'x', data: "0010 pa=b\n"}, a), "malformed"},
		{"a record without an entry", tarName, tarOf(pax("mtime", "1")), "that is missing"},
		{"a record that renames all", tarName, tarOf(tfile{name: "g", kind: 'g', data: pax("path", "demo-1.0/b.py").data}, a), "renames all"},
		{"records of a megabyte", tarName, tarOf(tfile{name: "x", kind: 'x', data: strings.Repeat("a", 1<<20)}, a), "records of"},

		{"two folders", tarName, tarOf(tfile{name: "other-1.0/a.py"}), "one folder"},
		{"a file beside the folder", tarName, tarOf(tfile{name: "setup.py"}), "beside it"},
		{"two folders in a zip file", zipName, zipOf([]zfile{{name: "demo-1.0/PKG-INFO", data: metadata}, {name: "other/a.py"}}), "one folder"},
		{"no PKG-INFO", tarName, gzipped(append(blocksOf(a), ending)...), "PKG-INFO not found"},
		{"PKG-INFO further down", tarName, gzipped(append(blocksOf(tfile{name: "demo-1.0/src/PKG-INFO", data: metadata}), ending)...), "PKG-INFO not found"},
		{"no PKG-INFO in a zip file", zipName, zipOf([]zfile{{name: "demo-1.0/a.py"}}), "PKG-INFO not found"},
		{"PKG-INFO twice", tarName, tarOf(tfile{name: "demo-1.0/PKG-INFO", data: metadata}), "the same file"},
		{"PKG-INFO in another case too", tarName, tarOf(tfile{name: "demo-1.0/pkg-info", data: metadata}), "the same file"},
		{"PKG-INFO of another project", tarName, gzipped(append(blocksOf(tfile{name: "demo-1.0/PKG-INFO", data: strings.Replace(metadata, "demo", "other", 1)}), ending)...), "says that it is 'other'"},
		{"a damaged file in a zip file", zipName, zipOf([]zfile{{name: "demo-1.0/PKG-INFO", data: metadata}, {name: "demo-1.0/a.py", data: "x", local: u32(14, 1), central: u32(16, 1)}}), "is not what the zip file says"},
	}
}
