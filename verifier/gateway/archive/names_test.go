package archive

import (
	"strings"
	"testing"
)

// badNames are names that no entry may have, in zip and tar files.
var badNames = []struct{ what, name, refused string }{
	{"absolute", "/etc/passwd", "absolute"},
	{"up", "demo/../../evil.py", "'..'"},
	{"up at the end", "demo/..", "'..'"},
	{"here", "demo/./a.py", "'..'"},
	{"an empty part", "demo//a.py", "empty part"},
	{"a backslash", `demo\a.py`, "backslash"},
	{"up with backslashes", `..\evil.py`, "backslash"},
	{"a drive", "c:/evil.py", "absolute"},
	{"a drive's folder", "C:evil.py", "absolute"},
	{"a line end", "demo/a\n.py", "control"},
	{"a tab", "demo/a\t.py", "control"},
	{"a line separator", "demo/a\u2028b.py", "control"},
	{"a line end of IBM's", "demo/a\u0085b.py", "control"},
	{"a turn of the direction", "demo/a\u202eb.py", "control"},
	{"too long", "demo/" + strings.Repeat("a/", 30) + strings.Repeat("x", 1000), "more than 1024 bytes"},
	{"too deep", strings.Repeat("a/", 64) + "x", "more than 64 folders"},
}

// samePairs are two names of one file on some system.
var samePairs = []struct{ what, a, b string }{
	{"twice", "demo/a.py", "demo/a.py"},
	{"in another case", "demo/a.py", "demo/A.py"},
	{"with a folder in another case", "demo/a.py", "DEMO/a.py"},
	{"composed differently", "demo/\u00e9.py", "demo/e\u0301.py"},
	{"with a dot at the end", "demo/a", "demo/a."},
	{"with a space at the end of a folder", "demo/a.py", "demo /a.py"},
	{"with a stream", "demo/a.py", "demo/a.py::$DATA"},
	{"with a letter that is not seen", "demo/a.py", "demo/a\u200c.py"},
	{"with a long s", "demo/s.py", "demo/\u017f.py"},
	{"with a sharp s", "demo/strasse", "demo/stra\u00dfe"},
	{"a file and a folder", "demo/a", "demo/a/b"},
	{"a folder and a file", "demo/a/b", "demo/a"},
	{"a file and a folder in another case", "demo/a", "demo/A/b"},
}

func TestNames(t *testing.T) { try(t, nameCases()) }

func nameCases() []hostile {
	var list []hostile
	for _, n := range badNames {
		list = append(list, hostile{"zip: " + n.what, wheelName, wheelOf(zfile{name: n.name, flags: flagUTF8}), n.refused})
		inside := "demo-1.0/" + n.name
		if n.refused == "absolute" {
			inside = n.name
		}
		list = append(list, hostile{"tar: " + n.what, tarName, tarOf(pax("path", inside), tfile{name: short(inside)}), n.refused})
	}
	for _, p := range samePairs {
		refused := "the same file"
		if strings.Contains(p.what, "folder") && !strings.Contains(p.what, "with a") {
			refused = "file and a folder"
		}
		a, b := zfile{name: p.a, flags: flagUTF8}, zfile{name: p.b, flags: flagUTF8}
		list = append(list, hostile{"zip: the same " + p.what, wheelName, zipOf(append(wheelFiles(), a, b)), refused})
		a1, b1 := "demo-1.0/"+p.a, "demo-1.0/"+p.b
		list = append(list, hostile{"tar: the same " + p.what, tarName, tarOf(append(named(a1), named(b1)...)...), refused})
	}
	list = append(list,
		hostile{"zip: not UTF-8", wheelName, wheelOf(zfile{name: "demo/\xff.py", flags: flagUTF8}), "not UTF-8"},
		hostile{"zip: not marked as UTF-8", wheelName, wheelOf(zfile{name: "demo/ä.py"}), "not marked"},
		hostile{"zip: NUL", wheelName, wheelOf(zfile{name: "demo/a.py\x00.txt"}), "control"},
		hostile{"zip: no name", wheelName, zipOf(append(wheelFiles(), zfile{})), "no name"},
		hostile{"zip: a folder twice", wheelName, zipOf(append(wheelFiles(), zfile{name: "d/"}, zfile{name: "d/"})), "the same file"},
		hostile{"tar: not UTF-8", tarName, tarOf(tfile{name: "demo-1.0/\xff.py"}), "not UTF-8"},
		hostile{"tar: something behind a NUL", tarName, tarOf(tfile{name: "demo-1.0/a\x00b"}), "behind the NUL that ends it"},
		hostile{"tar: a folder twice", tarName, tarOf(tfile{name: "demo-1.0/d/", kind: '5'}, tfile{name: "demo-1.0/d", kind: '5'}), "the same file"},
	)
	return list
}

// short is the beginning of a name, as a header has it beside a record with the whole.
func short(name string) string { return name[:min(len(name), nameSize)] }

// named is an entry of a tar file with a name of any letters.
func named(name string) []tfile {
	if plainASCII(name) {
		return []tfile{{name: name}}
	}
	return []tfile{pax("path", name), {name: strings.Map(func(c rune) rune {
		if c >= 0x80 {
			return '?'
		}
		return c
	}, name)}}
}
