package dist

import (
	"strings"

	"github.com/rind-dev/rind/caveats"
)

// ReleaseKey returns a text that is the same for versions that are equal (PEP 440: 1.0 and 1.0.0 are one release), and
// different for others. It returns "" for a text that is no version.
func ReleaseKey(version string) string {
	v, err := caveats.ParseVersion(version)
	if err != nil {
		return ""
	}
	normal := v.String()
	begin := strings.IndexByte(normal, '!') + 1
	end := begin
	for end < len(normal) && (normal[end] == '.' || normal[end] >= '0' && normal[end] <= '9') {
		end++
	}
	release := strings.TrimSuffix(normal[begin:end], ".") // of ".post1" and ".dev1"
	rest := normal[begin+len(release):]
	for strings.HasSuffix(release, ".0") {
		release = strings.TrimSuffix(release, ".0")
	}
	return normal[:begin] + release + rest
}
