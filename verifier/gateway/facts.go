package gateway

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net/http"
	"strings"

	"golang.org/x/crypto/blake2b"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/dist"
	"github.com/rind-dev/rind/internal/text"
)

// facts are the fields of a form that decide something. Each is checked when it
// arrives and "" until then. The client chooses their order in the form.
type facts struct {
	action, name, filetype string
	version                string    // in normal form
	declared               [3]string // by the digestFields, lower-case hex
	requiresPython         string
	filename               string
}

// maxVersion is the length limit of a version in characters.
const maxVersion = 100

// digestFields are the fields for digests, and how many hexadecimal digits each has. A form
// must have at least one. Each one that it has is compared with the bytes.
var digestFields = [3]struct {
	name, words string
	digits      int
	new         func() hash.Hash
}{{"sha256_digest", "SHA-256", 64, sha256.New}, {"blake2_256_digest", "BLAKE2b-256", 64, newBLAKE2b}, {"md5_digest", "MD5", 32, md5.New}}

func newBLAKE2b() hash.Hash {
	h, err := blake2b.New256(nil)
	if err != nil {
		panic(err) // only a key could be wrong
	}
	return h
}

// sha256 is the declared SHA-256, "" if there is none.
func (f *facts) sha256() string { return f.declared[0] }

// retired are the actions that PyPI's upload API once had. PyPI answers 410 too.
var retired = map[string]string{
	"submit":          "Projects and releases need no registration: upload their files instead.",
	"submit_pkg_info": "Projects and releases need no registration: upload their files instead.",
	"doc_upload":      "Documentation is not hosted here: upload only packages.",
	"remove_pkg":      "Files can't be removed by an upload client.",
	"verify":          "Metadata is not checked without a file: upload the package itself.",
}

// actionFault refuses any action except the one that is served.
func actionFault(action string) error {
	if sentence, ok := retired[action]; ok {
		return &Refusal{Status: http.StatusGone, Reason: "The action '" + action + "' is no longer supported. " + sentence}
	}
	return refused("The field ':action' is '%s': only 'file_upload' is supported.", text.Clip(action))
}

// set checks a field by itself and remembers it. Fields that decide nothing are
// ignored.
func (f *facts) set(field, value string) error {
	switch field {
	case ":action":
		if value != "file_upload" {
			return actionFault(value)
		}
		f.action = value
	case "protocol_version":
		if value != "1" {
			return refused("The field 'protocol_version' is '%s': only '1' is supported.", text.Clip(value))
		}
	case "name":
		if !caveats.ValidProjectName(value) {
			return refused("The field 'name' is '%s', which is not a project name: use ASCII letters, "+
				"digits, '.', '-' and '_', with a letter or digit at both ends.", text.Clip(value))
		}
		f.name = value
	case "version":
		return f.setVersion(value)
	case "filetype":
		if value != dist.SDist && value != dist.Wheel {
			return refused("The field 'filetype' is '%s': use 'sdist' or 'bdist_wheel'.", text.Clip(value))
		}
		f.filetype = value
	case "requires_python":
		return f.setRequiresPython(value)
	}
	for i, d := range digestFields {
		if field == d.name {
			return setDigest(&f.declared[i], field, value, d.digits)
		}
	}
	return nil
}

// setVersion accepts a version in any spelling that PEP 440 reads, and remembers its normal
// form, which is stored and listed.
func (f *facts) setVersion(value string) error {
	value = strings.TrimSpace(value)
	if len(value) > maxVersion {
		return refused("The field 'version' has %d characters: use at most %d.", len(value), maxVersion)
	}
	version, err := caveats.ParseVersion(value)
	if err != nil {
		return refused("The field 'version' is '%s', which is not a PEP 440 version.", text.Clip(value))
	}
	f.version = version.String()
	return nil
}

func (f *facts) setRequiresPython(value string) error {
	value = dist.NormalizeRequiresPython(value)
	if fault := dist.SpecifierFault(value); fault != "" {
		return refused("The field 'requires_python' is '%s', which is not a PEP 440 version specifier: %s.", text.Clip(value), fault)
	}
	f.requiresPython = value
	return nil
}

func setDigest(to *string, field, value string, digits int) error {
	if value == "" { // some clients send what they don't have
		return nil
	}
	if _, err := hex.DecodeString(value); err != nil || len(value) != digits {
		return refused("The field '%s' must have %d hexadecimal digits.", field, digits)
	}
	*to = strings.ToLower(value)
	return nil
}

// setFilename checks the name of the file by itself and remembers it.
func (f *facts) setFilename(name string) error {
	if filetype, _ := dist.TypeOf(name); filetype == "" && dist.SafeFilename(name) {
		return refused("The file name '%s' must end in .whl, .tar.gz or .zip.", text.Clip(name))
	}
	if !dist.SafeFilename(name) {
		return refused("The file name '%s' is not allowed: use ASCII letters, digits and '._+!-', "+
			"start with a letter or digit, name no folder and use at most %d characters.", text.Clip(name), dist.MaxFilename)
	}
	f.filename = name
	return nil
}

// fit checks that the facts known so far belong together.
func (f *facts) fit() error {
	if f.filename == "" {
		return nil
	}
	filetype, _ := dist.TypeOf(f.filename)
	if f.filetype != "" && f.filetype != filetype {
		return refused("The file '%s' does not match the filetype '%s'.", text.Clip(f.filename), f.filetype)
	}
	if f.name == "" {
		return nil
	}
	version := dist.VersionOf(f.filename, caveats.NormalizeProject(f.name))
	if version == "" {
		form := "name-version.tar.gz"
		if filetype == dist.Wheel {
			form = "name-version-python-abi-platform.whl"
		}
		return refused("The file '%s' does not belong to project '%s': its name should have the form %s.",
			text.Clip(f.filename), text.Clip(f.name), form)
	}
	if f.version != "" && !caveats.EqualVersions(version, f.version) {
		return refused("The file '%s' does not match the version '%s'.", text.Clip(f.filename), text.Clip(f.version))
	}
	return nil
}

// complete checks that nothing is missing after the whole form was read.
func (f *facts) complete() error {
	for _, need := range []struct{ field, value string }{
		{":action", f.action}, {"name", f.name}, {"version", f.version}, {"filetype", f.filetype},
		{fileField, f.filename},
	} {
		if need.value == "" {
			return refused("The field '%s' is missing from the form.", need.field)
		}
	}
	if f.declared == [3]string{} {
		return refused("A digest of the file is missing from the form: 'sha256_digest', 'blake2_256_digest' or 'md5_digest'.")
	}
	return f.fit()
}
