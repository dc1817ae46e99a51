package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
)

// zfile is one entry of a zip file that a test writes, and what it lies about.
type zfile struct {
	name, data string
	stored     bool
	mode       uint32 // external attributes

	flags   uint16
	method  uint16 // else as stored says
	comment string
	extra   string // of the directory
	size    uint32 // that the directory states; 0: the right one

	localName, localExtra string
	local                 func(header []byte) // changes the local header
	central               func(header []byte)
	noRecord              bool   // the directory does not have it
	before                string // bytes before its local header
	behind                string // bytes behind its data, counted as packed
}

// zipOf writes a zip file; change edits the end record, and between stands before the directory.
func zipOf(files []zfile, more ...func(*zparts)) []byte {
	var out, dir bytes.Buffer
	le := binary.LittleEndian
	count := 0
	for _, f := range files {
		out.WriteString(f.before)
		at := out.Len()
		method, packed := f.method, []byte(f.data)
		if !f.stored && method == 0 {
			method = 8
			packed = deflated(f.data)
		}
		packed = append(packed, f.behind...)
		size := uint32(len(f.data))
		if f.size != 0 {
			size = f.size
		}
		head := make([]byte, localSize)
		le.PutUint32(head, localSignature)
		le.PutUint16(head[4:], 20)
		le.PutUint16(head[6:], f.flags)
		le.PutUint16(head[8:], method)
		le.PutUint32(head[14:], crc32.ChecksumIEEE([]byte(f.data)))
		le.PutUint32(head[18:], uint32(len(packed)))
		le.PutUint32(head[22:], size)
		name := f.name
		if f.localName != "" {
			name = f.localName
		}
		le.PutUint16(head[26:], uint16(len(name)))
		le.PutUint16(head[28:], uint16(len(f.localExtra)))
		common := bytes.Clone(head[4:26])
		if f.local != nil {
			f.local(head)
		}
		out.Write(head)
		out.WriteString(name + f.localExtra)
		out.Write(packed)
		if f.noRecord {
			continue
		}
		count++
		record := make([]byte, centralSize)
		le.PutUint32(record, centralSignature)
		le.PutUint16(record[4:], 3<<8|20)
		copy(record[6:], common)
		le.PutUint16(record[28:], uint16(len(f.name)))
		le.PutUint16(record[30:], uint16(len(f.extra)))
		le.PutUint16(record[32:], uint16(len(f.comment)))
		le.PutUint32(record[38:], f.mode)
		le.PutUint32(record[42:], uint32(at))
		if f.central != nil {
			f.central(record)
		}
		dir.Write(record)
		dir.WriteString(f.name + f.extra + f.comment)
	}
	p := &zparts{files: out.Bytes(), dir: dir.Bytes(), end: make([]byte, endSize)}
	le.PutUint32(p.end, endSignature)
	le.PutUint16(p.end[8:], uint16(count))
	le.PutUint16(p.end[10:], uint16(count))
	le.PutUint32(p.end[12:], uint32(dir.Len()))
	le.PutUint32(p.end[16:], uint32(out.Len()))
	for _, m := range more {
		m(p)
	}
	return bytes.Join([][]byte{p.files, p.between, p.dir, p.behindDir, p.end}, nil)
}

// zparts are the parts of a zip file, before they are joined.
type zparts struct{ files, between, dir, behindDir, end []byte }

func deflated(s string) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9)
	io.WriteString(w, s)
	w.Close()
	return b.Bytes()
}

const (
	info      = "demo-1.0.dist-info/"
	metadata  = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n\nA text.\n"
	wheelText = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
)

// wheelFiles are those of a good wheel, with further ones, and its RECORD.
func wheelFiles(more ...zfile) []zfile {
	files := append([]zfile{{name: "demo.py", data: "x = 1\n"}}, more...)
	has := map[string]bool{}
	for _, f := range files {
		has[f.name] = true
	}
	for _, f := range []zfile{{name: info + "METADATA", data: metadata}, {name: info + "WHEEL", data: wheelText}} {
		if !has[f.name] {
			files = append(files, f)
		}
	}
	if !has[info+"RECORD"] {
		files = append(files, zfile{name: info + "RECORD", data: recordOf(files)})
	}
	return files
}

func recordOf(files []zfile) string {
	var b strings.Builder
	for _, f := range files {
		if !strings.HasSuffix(f.name, "/") && !f.noRecord {
			row := recordRow(f.name, f.data)
			if f.size != 0 {
				row = withoutSizes(row)
			}
			b.WriteString(row)
		}
	}
	return b.String() + info + "RECORD,,\n"
}

func recordRow(name, data string) string {
	if strings.ContainsAny(name, ",\"") {
		name = `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	sum := sha256.Sum256([]byte(data))
	return fmt.Sprintf("%s,sha256=%s,%d\n", name, base64.RawURLEncoding.EncodeToString(sum[:]), len(data))
}

// without leaves one of the files out.
func without(files []zfile, name string) []zfile {
	var kept []zfile
	for _, f := range files {
		if f.name != name {
			kept = append(kept, f)
		}
	}
	return kept
}

func wheelOf(more ...zfile) []byte { return zipOf(wheelFiles(more...)) }

// gzipped packs the blocks of a tar file.
func gzipped(blocks ...[]byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for _, block := range blocks {
		w.Write(block)
	}
	w.Close()
	return b.Bytes()
}

// tfile is one entry of a tar file that a test writes.
type tfile struct {
	name, data string
	kind       byte // '0' where it is 0
	header     func(*[block]byte)
	raw        bool // the checksum is not made anew behind header
}

func (f tfile) bytes() []byte {
	var b [block]byte
	copy(b[:nameSize], f.name)
	copy(b[100:], "0000644\x000000000\x000000000\x00")
	copy(b[124:], fmt.Sprintf("%011o\x00", len(f.data)))
	copy(b[136:], "14000000000\x00")
	b[156] = f.kind
	if f.kind == 0 {
		b[156] = '0'
	}
	copy(b[257:], "ustar\x0000")
	sum := func() {
		copy(b[148:], "        ")
		n := 0
		for _, c := range b {
			n += int(c)
		}
		copy(b[148:], fmt.Sprintf("%06o\x00 ", n))
	}
	sum()
	if f.header != nil {
		f.header(&b)
		if !f.raw {
			sum()
		}
	}
	out := append(b[:], f.data...)
	return append(out, make([]byte, -len(f.data)&(block-1))...)
}

// pax is the entry that gives the next one records: pairs of key and value.
func pax(records ...string) tfile {
	var b strings.Builder
	for i := 0; i < len(records); i += 2 {
		text := " " + records[i] + "=" + records[i+1] + "\n"
		size := len(text)
		for size != len(fmt.Sprint(size))+len(text) {
			size = len(fmt.Sprint(size)) + len(text)
		}
		fmt.Fprintf(&b, "%d%s", size, text)
	}
	return tfile{name: "PaxHeaders/x", kind: 'x', data: b.String()}
}

var ending = make([]byte, 2*block)

// buildable is what pip and uv need to install an sdist: a backend that is in it.
func buildable() []tfile {
	return []tfile{
		{name: "demo-1.0/pyproject.toml", data: "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n"},
		{name: "demo-1.0/backend.py", data: "import zipfile\n\ndef build_wheel(folder, *_):\n    name = 'demo-1.0-py3-none-any.whl'\n    with zipfile.ZipFile(folder + '/' + name, 'w') as w:\n" +
			"        w.writestr('demo.py', '')\n        w.writestr('demo-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n')\n" +
			"        w.writestr('demo-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n" +
			"        w.writestr('demo-1.0.dist-info/RECORD', 'demo.py,,\\ndemo-1.0.dist-info/METADATA,,\\ndemo-1.0.dist-info/WHEEL,,\\ndemo-1.0.dist-info/RECORD,,\\n')\n    return name\n"},
	}
}

// tarOf packs entries into an sdist, behind what every sdist has.
func tarOf(more ...tfile) []byte {
	files := append([]tfile{{name: "demo-1.0/", kind: '5'}, {name: "demo-1.0/PKG-INFO", data: metadata}}, append(buildable(), more...)...)
	return gzipped(append(blocksOf(files...), ending)...)
}

func blocksOf(files ...tfile) (blocks [][]byte) {
	for _, f := range files {
		blocks = append(blocks, f.bytes())
	}
	return blocks
}

// tarOfGo is an sdist as Go's library writes it.
func tarOfGo(t *testing.T, format tar.Format, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, name := range append([]string{"demo-1.0/PKG-INFO"}, names...) {
		h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(metadata)), Format: format}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, metadata); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	z.Close()
	return b.Bytes()
}

func gzipReader(b []byte) (io.Reader, error) { return gzip.NewReader(bytes.NewReader(b)) }

// zipByGo reads all of a zip file with Go's library.
func zipByGo(t *testing.T, b []byte) {
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatalf("Go's reader: %v", err)
	}
	for _, f := range r.File {
		content, err := f.Open()
		if err != nil {
			t.Fatalf("Go's reader: %s: %v", f.Name, err)
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			t.Fatalf("Go's reader: %s: %v", f.Name, err)
		}
	}
}

// corpus is every archive of these tests, and what it is refused with.
func corpus(t *testing.T) (all []hostile) {
	t.Helper()
	for _, part := range []struct {
		kind string
		list []hostile
	}{{"zip", zipCases(t)}, {"tar", tarCases(t)}, {"wheel", wheelCases(t)}, {"names", nameCases()}, {"metadata", metadataCases()}} {
		for _, h := range part.list {
			h.name = part.kind + ": " + h.name
			all = append(all, h)
		}
	}
	return all
}

// Refused is an archive that is refused, for tests outside this package.
type Refused struct {
	Name, File string
	Bytes      []byte
}

// AllRefused is every archive of the corpus that is refused.
func AllRefused(t *testing.T) (all []Refused) {
	t.Helper()
	for _, h := range corpus(t) {
		if h.refused != "" {
			all = append(all, Refused{h.name, h.file, h.bytes})
		}
	}
	return all
}
