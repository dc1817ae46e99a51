package folder

import (
	"github.com/rind-dev/rind/internal/dist"
	"github.com/rind-dev/rind/verifier/gateway"
)

// equivalent returns the name of an existing file of the project that is equivalent to up under
// another name. It returns "" if no such file exists, or if a file with the same name as up does.
func (f *Folder) equivalent(up gateway.Upload) (string, error) {
	entries, err := f.entries(up.Project)
	if err != nil {
		return "", err
	}
	found := ""
	for _, e := range entries {
		switch {
		case e.Name() == up.Filename:
			return "", nil
		case dist.Equivalent(e.Name(), up.Filename, up.Project):
			found = e.Name()
		}
	}
	return found, nil
}
