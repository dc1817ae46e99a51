package archive

import (
	"fmt"
	"strings"
	"testing"
)

func TestMetadata(t *testing.T) { try(t, metadataCases()) }

func metadataCases() (list []hostile) {
	for _, m := range []struct{ what, text, refused string }{
		{"spelled differently", "metadata-VERSION: 2.4\nNAME: Demo\nversion: 1.0.0\n", ""},
		{"CRLF", strings.ReplaceAll(metadata, "\n", "\r\n"), ""},
		{"spaces around", "Metadata-Version:2.1 \nName:   demo\t\nVersion: 1.0\n", ""},
		{"a license over lines", "Metadata-Version: 2.1\nName: demo\nLicense: a\n        b\n\tc\nVersion: 1.0\n", ""},
		{"a form feed in a license", "Metadata-Version: 2.1\nName: demo\nLicense: a\f b: c\nVersion: 1.0\n", ""},
		{"classifiers", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nClassifier: a\nClassifier: b\n", ""},

		{"nothing", "", "no field 'Metadata-Version'"},
		{"no name", "Metadata-Version: 2.1\nVersion: 1.0\n", "no field 'Name'"},
		{"no version", "Metadata-Version: 2.1\nName: demo\n", "no field 'Version'"},
		{"another name", "Metadata-Version: 2.1\nName: other\nVersion: 1.0\n", "'other'"},
		{"another version", "Metadata-Version: 2.1\nName: demo\nVersion: 1.1\n", "'1.1'"},
		{"a name twice", "Metadata-Version: 2.1\nName: demo\nName: other\nVersion: 1.0\n", "twice"},
		{"a name twice, the same", "Metadata-Version: 2.1\nName: demo\nname: demo\nVersion: 1.0\n", "twice"},
		{"a version twice", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nVersion: 2.0\n", "twice"},
		{"Requires-Python twice", metadataWith("Requires-Python: >=3\nRequires-Python: >=2\n"), "twice"},
		{"a name over lines", "Metadata-Version: 2.1\nName: demo\n other\nVersion: 1.0\n", "'name' on several lines"},
		{"a line that begins with a space", " Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n", "begins with white space"},
		{"a mark of the encoding", "\xef\xbb\xbf" + metadata, "byte order mark"},
		{"NUL", "Metadata-Version: 2.1\nName: demo\x00\nVersion: 1.0\n", "NUL"},
		{"a bare carriage return", "Metadata-Version: 2.1\nSummary: a\rName: other\nName: demo\nVersion: 1.0\n", "carriage return"},
		{"a line separator", "Metadata-Version: 2.1\nName: demo\nSummary: a\u2028Name: other\nVersion: 1.0\n", "end of a line"},
		{"a form feed before a name", "Metadata-Version: 2.1\nName: demo\nSummary: a\fname : other\nVersion: 1.0\n", "end of a line"},
		{"a turn of the direction and a space before a name", "Metadata-Version: 2.1\nName: demo\nSummary: a:\u202e name: other\nVersion: 1.0\n", "end of a line"},
		{"a look-alike letter", "Metadata-Version: 2.1\nName: d\u0435mo\nVersion: 1.0\n", "says that it is"},
		{"a name behind the empty line", "Metadata-Version: 2.1\nVersion: 1.0\n\nName: demo\n", "no field 'Name'"},
		{"an unknown version of the format", strings.Replace(metadata, "2.1", "9.9", 1), "'9.9'"},
		{"a license that lost its spaces", metadataWith("License: a\nb\nSummary: c\n"), "no field"},
		{"a line of a mailbox", "From nobody Sat Nov 28 2026\n" + metadata, "no field"},
		{"not UTF-8", metadataWith("Author: \xff\n"), "not UTF-8"},
		{"too many fields", metadataWith(manyFields()), "different fields"},
	} {
		list = append(list,
			hostile{"wheel: " + m.what, wheelName, wheelOf(zfile{name: info + "METADATA", data: m.text}), m.refused},
			hostile{"sdist: " + m.what, tarName, gzipped(append(blocksOf(append(buildable(), tfile{name: "demo-1.0/PKG-INFO", data: m.text})...), ending)...), m.refused},
		)
	}
	return list
}

// TestManyBreaks: a line full of characters that may end it is not copied for each of them. With two megabytes of them
// that took hours, and nothing could stop it.
func TestManyBreaks(t *testing.T) {
	line := "Summary: " + strings.Repeat("\f", 32<<10) + "x: " + strings.Repeat("\f:", 16<<10)
	if n := testing.AllocsPerRun(1, func() {
		if err := checkLine(line, "METADATA"); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func metadataWith(fields string) string {
	return strings.Replace(metadata, "\n\n", "\n"+fields+"\n", 1)
}

func manyFields() string {
	var b strings.Builder
	for i := range maxFields + 1 {
		fmt.Fprintf(&b, "X-%d: a\n", i)
	}
	return b.String()
}
