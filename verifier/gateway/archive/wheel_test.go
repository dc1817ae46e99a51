package archive

import (
	"strings"
	"testing"
)

func TestWheels(t *testing.T) { try(t, wheelCases(t)) }

func wheelCases(t *testing.T) []hostile {
	t.Helper()
	good := wheelFiles()
	record := func(text string) []byte { return wheelOf(zfile{name: info + "RECORD", data: text}) }
	rows := recordOf(without(good, info+"RECORD"))
	data := func(name string) []byte { return wheelOf(zfile{name: name, data: "x"}) }
	points := func(text string) []byte { return wheelOf(zfile{name: info + "entry_points.txt", data: text}) }
	return []hostile{
		{"good, in another spelling", wheelName, renamed("demo-1.0.dist-info", "Demo-1.0.0.dist-info"), ""},
		{"good, RECORD with CRLF", wheelName, record(strings.ReplaceAll(rows, "\n", "\r\n")), ""},
		{"good, RECORD without sizes", wheelName, record(withoutSizes(rows)), ""},
		{"good, signed", wheelName, zipOf(append(wheelFiles(), zfile{name: info + "RECORD.jws", data: "x"})), ""},
		{"good, a name with a comma and quotes", wheelName, wheelOf(zfile{name: `demo/a,"b".txt`}), ""},
		{"good, data", wheelName, data("demo-1.0.data/scripts/demo"), ""},
		{"good, entry points", wheelName, points("[console_scripts]\n# a\ndemo = demo:main\n\n[x.y]\na.b-c = demo\n"), ""},
		{"good, a vendored package", wheelName, data("demo/_vendor/other-2.0.dist-info/METADATA"), ""},

		{"no METADATA", wheelName, zipOf(without(good, info+"METADATA")), "required METADATA file"},
		{"no WHEEL", wheelName, zipOf(without(good, info+"WHEEL")), "required WHEEL file"},
		{"no RECORD", wheelName, zipOf(without(good, info+"RECORD")), "required RECORD file"},
		{"no .dist-info", wheelName, zipOf([]zfile{{name: "demo.py"}}), "does not contain a .dist-info"},
		{"METADATA in another case only", wheelName, renamed("METADATA", "Metadata"), "required METADATA file"},
		{"two .dist-info folders", wheelName, data("demo-1.0.0.dist-info/METADATA"), "two .dist-info"},
		{"the .dist-info folder of another project", wheelName, data("other-1.0.dist-info/METADATA"), "'other-1.0.dist-info'"},
		{"the .dist-info folder of another version", wheelName, renamed("demo-1.0.dist-info", "demo-1.1.dist-info"), "'demo-1.1.dist-info'"},
		{"a .dist-info folder in another case", wheelName, data("other-1.0.DIST-INFO/METADATA"), "DIST-INFO"},
		{"a .dist-info file", wheelName, data("other-1.0.dist-info"), "'other-1.0.dist-info'"},
		{"an egg's metadata", wheelName, data("other.egg-info/PKG-INFO"), "egg"},
		{"an egg's metadata in a file", wheelName, data("other.egg-info"), "egg"},
		{"a link to an egg", wheelName, data("other.egg-link"), "egg"},

		{"RECORD lacks a file", wheelName, record(strings.Replace(rows, recordRow("demo.py", "x = 1\n"), "", 1)), "lacks a file"},
		{"RECORD lists a missing file", wheelName, record(recordRow("demo/b.py", "") + rows), "not in the wheel"},
		{"RECORD lists a path outside", wheelName, record(recordRow("../evil.py", "") + rows), "not in the wheel"},
		{"RECORD lists an absolute path", wheelName, record(recordRow("/etc/passwd", "") + rows), "not in the wheel"},
		{"RECORD lists a file twice", wheelName, record(recordRow("demo.py", "x = 1\n") + rows), "twice"},
		{"RECORD lists a file in another case", wheelName, record(strings.Replace(rows, "demo.py,", "Demo.py,", 1)), "not in the wheel"},
		{"RECORD has another digest", wheelName, record(strings.Replace(rows, recordRow("demo.py", "x = 1\n"), recordRow("demo.py", "x = 2\n"), 1)), "another digest"},
		{"RECORD has another size", wheelName, record(strings.Replace(rows, ",6\n", ",7\n", 1)), "another size"},
		{"RECORD has no digest", wheelName, record(strings.Replace(rows, recordRow("demo.py", "x = 1\n"), "demo.py,,\n", 1)), "no digest"},
		{"RECORD has an MD5", wheelName, record(strings.Replace(rows, recordRow("demo.py", "x = 1\n"), "demo.py,md5=AAAA,6\n", 1)), "no digest"},
		{"RECORD has a digest that is none", wheelName, record(strings.Replace(rows, recordRow("demo.py", "x = 1\n"), "demo.py,sha256=AAAA,6\n", 1)), "a malformed digest"},
		{"RECORD has four columns", wheelName, record(strings.Replace(rows, ",,\n", ",,,\n", 1)), "path,digest,size"},
		{"RECORD has an open quote", wheelName, record(rows + "\"a\nb\",,\n"), "inside quotes"},
		{"RECORD has a long line", wheelName, record(rows + strings.Repeat("a", 9000) + ",,\n"), "a line of more than"},
		{"RECORD lacks itself", wheelName, record(strings.Replace(rows, info+"RECORD,,\n", "", 1)), "lacks a file"},

		{"WHEEL of another version", wheelName, wheelOf(zfile{name: info + "WHEEL", data: "Wheel-Version: 2.0\n"}), "'2.0'"},
		{"WHEEL without a version", wheelName, wheelOf(zfile{name: info + "WHEEL", data: "Generator: x\n"}), "the version ''"},
		{"WHEEL twice", wheelName, zipOf(append(wheelFiles(), zfile{name: info + "wheel"})), "the same file"},

		{"an entry point up", wheelName, points("[console_scripts]\n../../evil = demo:main\n"), "entry point is a path"},
		{"an entry point that is absolute", wheelName, points("[gui_scripts]\n/bin/sh = demo:main\n"), "entry point is a path"},
		{"an entry point with a backslash", wheelName, points("[console_scripts]\n..\\evil: demo:main\n"), "entry point is a path"},

		{"an entry point up, behind a line separator", wheelName, points("[console_scripts]\na = b:c\u2028../../evil = demo:main\n"), "entry point is a path"},
		{"an entry point up, behind a form feed", wheelName, points("[x.y]\na = b:c\f[console_scripts]\f../../evil = demo:main\n"), "entry point is a path"},
		{"an entry point up, behind what some take for a comment", wheelName, points("[console_scripts]\n;/../../evil = demo:main\n"), "entry point is a path"},
		{"an entry point up, behind half a group", wheelName, points("[console_scripts]\n[a/../../evil = demo:main\n"), "entry point is a path"},
		{"an entry point up, behind a colon", wheelName, points("[console_scripts]\na:/../../evil = demo:main\n"), "entry point is a path"},
		{"an entry point up, in a group that is indented", wheelName, points("[console_scripts]\na = b:c\n [x.y]\n../../evil = demo:main\n"), "entry point is a path"},
		{"an entry point up, in a group with spaces", wheelName, points("[x.y]\n[ console_scripts ]\n../../evil = demo:main\n"), "entry point is a path"},
		{"an entry point up, in a group in two brackets", wheelName, points("[x.y]\n[[console_scripts]]\n../../evil = demo:main\n"), "entry point is a path"},
		{"an entry point up, in no group", wheelName, points("../../evil = demo:main\n"), "entry point is a path"},
		{"good, plugins whose names have slashes", wheelName, points("[mkdocs.plugins]\r\nmaterial/blog = demo:main\r\n[console_scripts]\r\ndemo = demo:main\r\n"), ""},
		{"metadata in a folder that ends with a dot", wheelName, data("other-1.0.dist-info./METADATA"), "dist-info"},
		{"metadata in a folder that ends with a space", wheelName, data("other-1.0.dist-info /METADATA"), "dist-info"},
		{"metadata in a folder behind a colon", wheelName, data("other-1.0.dist-info::$INDEX_ALLOCATION/METADATA"), "dist-info"},
		{"data that is metadata, in a folder that ends with a dot", wheelName, data("demo-1.0.data/purelib/other-1.0.dist-info./METADATA"), "metadata of a package"},

		{"data of another project", wheelName, data("other-1.0.data/scripts/demo"), ".data folder of something else"},
		{"data in an unknown folder", wheelName, data("demo-1.0.data/etc/demo"), "no folder that installers know"},
		{"data that leaves its folder", wheelName, data("demo-1.0.data/scripts/../../../bin/sh"), "'..'"},
		{"data that is metadata", wheelName, data("demo-1.0.data/purelib/other-1.0.dist-info/METADATA"), "metadata of a package"},
		{"data that is metadata further down", wheelName, data("demo-1.0.data/data/lib/site-packages/other.EGG-INFO"), "metadata of a package"},
	}
}

// renamed is a good wheel with a part of its names changed.
func renamed(from, to string) []byte {
	files := without(wheelFiles(), info+"RECORD")
	for i := range files {
		files[i].name = strings.Replace(files[i].name, from, to, 1)
	}
	record := strings.Replace(recordOf(files), info+"RECORD,,", strings.Replace(info+"RECORD", from, to, 1)+",,", 1)
	return zipOf(append(files, zfile{name: strings.Replace(info+"RECORD", from, to, 1), data: record}))
}

func withoutSizes(rows string) string {
	var b strings.Builder
	for line := range strings.Lines(rows) {
		b.WriteString(line[:strings.LastIndexByte(line, ',')+1] + "\n")
	}
	return b.String()
}
