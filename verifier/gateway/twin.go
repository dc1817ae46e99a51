package gateway

import (
	"strings"

	"github.com/rind-dev/rind/caveats"
)

// twinError is ErrExists where the file that is there has another name.
type twinError struct{ name string }

func (e *twinError) Error() string { return ErrExists.Error() + ", as " + e.name }
func (e *twinError) Unwrap() error { return ErrExists }

// twin is the name of a file of the project that stands for the same as up, under
// another name, and "" where there is none or up's own name is taken.
func (f *Folder) twin(up Upload) (string, error) {
	entries, err := f.entries(up.Project)
	if err != nil {
		return "", err
	}
	found := ""
	for _, e := range entries {
		switch {
		case e.Name() == up.Filename:
			return "", nil
		case twins(e.Name(), up.Filename, up.Project):
			found = e.Name()
		}
	}
	return found, nil
}

// twins tells whether two names stand for the same thing, so that an installer
// could take one for the other: sdists of one version, as on PyPI, and wheels of one
// version, build and platform.
func twins(a, b, project string) bool {
	kindA, stemA := typeOf(a)
	kindB, stemB := typeOf(b)
	if kindA != kindB || !caveats.EqualVersions(versionOf(a, project), versionOf(b, project)) {
		return false
	}
	return kindA == sdist || strings.EqualFold(wheelTags(stemA), wheelTags(stemB))
}

// wheelTags is what follows the version in a wheel's name.
func wheelTags(stem string) string {
	parts := strings.SplitN(stem, "-", 3)
	return parts[len(parts)-1]
}
