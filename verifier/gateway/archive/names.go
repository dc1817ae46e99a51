package archive

import (
	"crypto/sha256"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/rind-dev/rind/internal/text"
)

// names are the names of an archive's entries. No two of them may mean the same file on any system: macOS
// and Windows treat names as equal that differ only in case, in how a letter is composed, in invisible
// letters, in dots and spaces at the end, or after a colon (a stream of the file).
type names struct {
	seen  map[nameKey]int32 // number of the entry; folder if the name is only part of other names
	bytes int
}

// nameKey stands for a name, and for all names that mean the same file.
type nameKey [16]byte

const folder = -1

func newNames(entries int) *names {
	return &names{seen: make(map[nameKey]int32, min(entries, MaxEntries))}
}

// checkName refuses names that lead out of the archive's folder on some system, or that programs
// read differently. A folder's name ends with "/".
func checkName(name string) error {
	bare := strings.TrimSuffix(name, "/")
	switch {
	case bare == "":
		return fault("an entry has no name")
	case len(name) > maxName:
		return fault("the name of an entry has more than %d bytes: '%s'", maxName, clip(name))
	case !utf8.ValidString(name):
		return fault("the name of an entry is not UTF-8: '%s'", clip(name))
	case strings.ContainsFunc(name, text.Disruptive): // pip ends lines of RECORD at some of these characters
		return fault("the name of an entry has a control character in it: '%s'", clip(name))
	case strings.Contains(name, `\`):
		return fault(`the name of an entry has a backslash in it: '%s'; use "/"`, clip(name))
	case name[0] == '/', len(name) > 1 && name[1] == ':' && isLetter(name[0]):
		return fault("the name of an entry is an absolute path: '%s'", clip(name))
	case strings.Count(bare, "/") >= maxDepth:
		return fault("an entry is in more than %d folders: '%s'", maxDepth, clip(name))
	}
	for part := range strings.SplitSeq(bare, "/") {
		if part == "" || part == "." || part == ".." {
			return fault("the name of an entry is a path with an empty part, '.' or '..' in it: '%s'", clip(name))
		}
	}
	return nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// add takes the name of entry n. It refuses a second name for the same file, and a file that is
// also a folder.
func (x *names) add(name string, n int) error {
	if err := checkName(name); err != nil {
		return err
	}
	x.bytes += len(name)
	if x.bytes > MaxNames {
		return fault("the names of its entries have more than %d bytes", MaxNames)
	}
	bare := strings.TrimSuffix(name, "/")
	folded := fold(bare)
	for i, c := range folded {
		if c != '/' {
			continue
		}
		key := keyOf(folded[:i])
		switch other, ok := x.seen[key]; {
		case !ok:
			if err := x.room(); err != nil {
				return err
			}
			x.seen[key] = folder
		case other >= 0:
			return fault("an entry is a file and a folder: see '%s'", clip(name))
		}
	}
	key := keyOf(folded)
	other, ok := x.seen[key]
	isFolder := bare != name
	switch {
	case !ok:
	case other == folder && isFolder:
	case other == folder:
		return fault("an entry is a file and a folder: '%s'", clip(name))
	default:
		return fault("two entries are the same file, here or on another system: see '%s'", clip(name))
	}
	if err := x.room(); err != nil {
		return err
	}
	if isFolder {
		n = explicitFolder
	}
	x.seen[key] = int32(n)
	return nil
}

// explicitFolder marks a folder that has an entry of its own: it may not have a second one.
const explicitFolder = -2

func (x *names) room() error {
	if len(x.seen) >= MaxEntries {
		return fault("it has more than %d files and folders", MaxEntries)
	}
	return nil
}

// find returns the entry of a file; ok is false if no entry has this name or one that means the same file.
func (x *names) find(name string) (n int, ok bool) {
	entry, ok := x.seen[keyOf(fold(name))]
	return int(entry), ok && entry >= 0
}

func keyOf(folded string) nameKey {
	sum := sha256.Sum256([]byte(folded))
	return nameKey(sum[:])
}

// fold maps all names that mean the same file on some system to one text.
func fold(name string) string {
	plain := true
	for i := 0; i < len(name) && plain; i++ {
		c := name[i]
		plain = c < utf8.RuneSelf && (c < 'A' || c > 'Z') && c != ':' && (c != '.' && c != ' ' || i+1 < len(name) && name[i+1] != '/')
	}
	if plain {
		return name
	}
	parts := strings.Split(name, "/")
	for i, part := range parts {
		file, _, _ := strings.Cut(part, ":")
		if trimmed := strings.TrimRight(file, ". "); trimmed != "" {
			parts[i] = trimmed
		}
	}
	return norm.NFD.String(strings.Map(foldRune, strings.ReplaceAll(norm.NFKD.String(strings.Join(parts, "/")), "ß", "ss")))
}

// foldRune returns the same rune for all runes that differ only in case: the lower-case one for ASCII,
// else the first.
func foldRune(r rune) rune {
	if unicode.In(r, unicode.Cf, unicode.Variation_Selector) {
		return -1
	}
	if r == 'ẞ' {
		r = 'ß'
	}
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if least <= 'Z' && least >= 'A' {
		return least + 'a' - 'A'
	}
	return least
}
