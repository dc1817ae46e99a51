package gateway

import (
	"encoding/hex"
	"strings"

	"github.com/rind-dev/rind/caveats"
)

// facts are the fields of a form that decide something, each checked when it
// came, "" while it is not known. Their order in the form is the client's.
type facts struct {
	action, name, version, filetype string
	sha256, md5                     string // declared, lower-case hex
	requiresPython                  string
	filename                        string
}

// set checks a field by itself and remembers it. Fields that decide nothing are
// ignored.
func (f *facts) set(field, value string) error {
	switch field {
	case ":action":
		if value != "file_upload" {
			return refused("The field ':action' is '%s': nothing but 'file_upload' is served here.", clip(value))
		}
		f.action = value
	case "protocol_version":
		if value != "1" {
			return refused("The field 'protocol_version' is '%s': only '1' is spoken here.", clip(value))
		}
	case "name":
		if !caveats.ValidProjectName(value) {
			return refused("The field 'name' is '%s', which is no project name: it takes ASCII letters, "+
				"digits, '.', '-' and '_', and starts and ends with a letter or digit.", clip(value))
		}
		f.name = value
	case "version":
		if !caveats.ValidVersion(value) {
			return refused("The field 'version' is '%s', which is no version by PEP 440.", clip(value))
		}
		f.version = value
	case "filetype":
		if value != sdist && value != wheel {
			return refused("The field 'filetype' is '%s': it takes 'sdist' and 'bdist_wheel'.", clip(value))
		}
		f.filetype = value
	case "requires_python":
		return f.setRequiresPython(value)
	case "sha256_digest":
		return setDigest(&f.sha256, field, value, 64)
	case "md5_digest":
		return setDigest(&f.md5, field, value, 32)
	}
	return nil
}

func (f *facts) setRequiresPython(value string) error {
	value = strings.TrimSpace(value)
	if value == "UNKNOWN" { // what old setuptools wrote for "not given"
		return nil
	}
	if !validSpecifier(value) {
		return refused("The field 'requires_python' is '%s', which is no version specifier by PEP 440.", clip(value))
	}
	f.requiresPython = value
	return nil
}

func setDigest(to *string, field, value string, digits int) error {
	if value == "" { // some clients send what they don't have
		return nil
	}
	if _, err := hex.DecodeString(value); err != nil || len(value) != digits {
		return refused("The field '%s' is not of %d hexadecimal digits.", field, digits)
	}
	*to = strings.ToLower(value)
	return nil
}

// setFilename checks the name of the file by itself and remembers it.
func (f *facts) setFilename(name string) error {
	if filetype, _ := typeOf(name); filetype == "" && safeFilename(name) {
		return refused("The file name '%s' ends in none of .whl, .tar.gz and .zip.", clip(name))
	}
	if !safeFilename(name) {
		return refused("The file name '%s' is not allowed: it takes ASCII letters, digits and '._+!-', "+
			"starts with a letter or digit, names no folder and has at most %d characters.", clip(name), maxFilename)
	}
	f.filename = name
	return nil
}

// fit checks that the facts that are known so far belong together.
func (f *facts) fit() error {
	if f.filename == "" {
		return nil
	}
	filetype, _ := typeOf(f.filename)
	if f.filetype != "" && f.filetype != filetype {
		return refused("The file '%s' is not of the filetype '%s'.", clip(f.filename), f.filetype)
	}
	if f.name == "" {
		return nil
	}
	version := versionOf(f.filename, caveats.NormalizeProject(f.name))
	if version == "" {
		form := "name-version.tar.gz"
		if filetype == wheel {
			form = "name-version-python-abi-platform.whl"
		}
		return refused("The file '%s' does not belong to project '%s': its name should be of the form %s.",
			clip(f.filename), clip(f.name), form)
	}
	if f.version != "" && !caveats.EqualVersions(version, f.version) {
		return refused("The file '%s' is not of version '%s'.", clip(f.filename), clip(f.version))
	}
	return nil
}

// complete checks that nothing is missing, once the whole form was read.
func (f *facts) complete() error {
	for _, need := range []struct{ field, value string }{
		{":action", f.action}, {"name", f.name}, {"version", f.version}, {"filetype", f.filetype},
		{"sha256_digest", f.sha256}, {fileField, f.filename},
	} {
		if need.value == "" {
			return refused("The form lacks the field '%s'.", need.field)
		}
	}
	return f.fit()
}

// maxSpecifier is the longest version specifier that is taken, in bytes.
const maxSpecifier = 1000

// validSpecifier tells whether s is a set of version specifiers (PEP 440,
// "Version specifiers"); the empty one is.
func validSpecifier(s string) bool {
	if len(s) > maxSpecifier {
		return false
	}
	for clause := range strings.SplitSeq(s, ",") {
		if clause = strings.TrimSpace(clause); clause != "" && !validClause(clause) {
			return false
		}
	}
	return true
}

func validClause(clause string) bool {
	for _, op := range []string{"===", "~=", "==", "!=", "<=", ">=", "<", ">"} { // longest first
		version, ok := strings.CutPrefix(clause, op)
		if !ok {
			continue
		}
		version = strings.TrimSpace(version)
		if op == "===" {
			return version != "" && !strings.ContainsFunc(version, func(c rune) bool { return c <= ' ' || c >= 0x7f })
		}
		if op == "==" || op == "!=" {
			version = strings.TrimSuffix(version, ".*")
		}
		return caveats.ValidVersion(version)
	}
	return false
}
