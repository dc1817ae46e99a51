// Package dist knows the files of Python packages, sdists and wheels: what their names say, which names are
// equivalent, and what the metadata inside them says. It does not trust them: it bounds what it reads of an archive.
package dist

import (
	"strings"

	"github.com/rind-dev/rind/caveats"
)

// The file types of the upload API that are accepted. PyPI has dropped the other
// types (eggs, installers) too (PEP 527, PEP 715).
const (
	SDist = "sdist"
	Wheel = "bdist_wheel"
)

// MaxFilename is the length limit in bytes of a file name in common file systems.
const MaxFilename = 255

// SafeFilename reports whether name is safe for every file system, URL and shell: letters,
// digits and "._+!-", starting with a letter or digit, so that it names no folder, no hidden
// file and no option.
func SafeFilename(name string) bool {
	if name == "" || len(name) > MaxFilename {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || !strings.ContainsRune("._+!-", rune(c))) {
			return false
		}
	}
	return true
}

// TypeOf returns the file type that the name's ending stands for, and the name
// without the ending. For any other ending the type is "".
func TypeOf(name string) (filetype, stem string) {
	for _, e := range []struct{ ending, filetype string }{
		{".whl", Wheel}, {".tar.gz", SDist}, {".zip", SDist},
	} {
		if stem, ok := strings.CutSuffix(name, e.ending); ok {
			return e.filetype, stem
		}
	}
	return "", ""
}

// VersionOf returns the version in the name of a file of the project, as the name
// spells it. It returns "" if the name is not that of an sdist or wheel of the
// project. project must be normalized.
//
// A wheel's name has five or six parts (binary distribution format of
// packaging.python.org) that contain no "-". An sdist's name and version may both contain
// one in files of older tools, so the project decides where the version begins.
func VersionOf(name, project string) string {
	filetype, stem := TypeOf(name)
	if !SafeFilename(name) {
		return ""
	}
	switch filetype {
	case Wheel:
		return wheelVersion(stem, project)
	case SDist:
		for i := range len(stem) {
			if stem[i] == '-' && isName(stem[:i], project) && caveats.ValidVersion(stem[i+1:]) {
				return stem[i+1:]
			}
		}
	}
	return ""
}

func wheelVersion(stem, project string) string {
	parts := strings.Split(stem, "-")
	for _, p := range parts {
		if p == "" {
			return ""
		}
	}
	switch {
	case len(parts) != 5 && len(parts) != 6, !isName(parts[0], project):
		return ""
	case len(parts) == 6 && (parts[2][0] < '0' || parts[2][0] > '9'): // the build tag
		return ""
	}
	for _, v := range []string{parts[1], strings.ReplaceAll(parts[1], "_", "-")} {
		if caveats.ValidVersion(v) {
			return v
		}
	}
	return ""
}

// isName reports whether name is a way of writing the normalized project name.
func isName(name, project string) bool {
	return caveats.ValidProjectName(name) && caveats.NormalizeProject(name) == project
}

// IsNormalized reports whether name is a normalized project name. Such a name is safe as the
// name of a folder and in a URL.
func IsNormalized(name string) bool { return len(name) <= MaxFilename && isName(name, name) }

// Magic returns the bytes that files with the ending of name begin with.
func Magic(name string) string {
	if strings.HasSuffix(name, ".gz") {
		return "\x1f\x8b\x08" // RFC 1952 §2.3.1, deflate
	}
	return "PK\x03\x04" // a zip file with a first entry
}
