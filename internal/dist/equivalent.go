package dist

import (
	"slices"
	"strings"
)

// Equivalent reports whether two names are equivalent, so that an installer could take one for the
// other: sdists of one version, as on PyPI, and wheels of one version, build and set of tags.
func Equivalent(a, b, project string) bool {
	id := Identity(a, project)
	return id != "" && id == Identity(b, project)
}

// Identity returns a text that is the same for the equivalent names of a project's files, and different for others. It returns ""
// for a name that no file of the project has.
func Identity(name, project string) string {
	release := ReleaseKey(VersionOf(name, project))
	if release == "" {
		return ""
	}
	kind, stem := TypeOf(name)
	if kind == SDist {
		return release
	}
	return release + " " + wheelIdentity(stem)
}

// wheelIdentity is the part of a wheel's name after the version, written so that two
// equivalent names are equal. A build tag is a number and what follows it; python, abi and
// platform are each a set of tags in any order (binary distribution format of
// packaging.python.org).
func wheelIdentity(stem string) string {
	parts := strings.Split(strings.ToLower(stem), "-")[2:]
	if len(parts) == 4 {
		parts[0] = buildTag(parts[0])
	}
	for i := len(parts) - 3; i < len(parts); i++ {
		tags := strings.Split(parts[i], ".")
		slices.Sort(tags)
		parts[i] = strings.Join(slices.Compact(tags), ".")
	}
	return strings.Join(parts, "-")
}

// buildTag returns a build tag without the leading zeros of its number.
func buildTag(tag string) string {
	rest := strings.TrimLeft(tag, "0")
	if rest == "" || rest[0] < '0' || rest[0] > '9' {
		rest = "0" + rest
	}
	return rest
}
