package dist

import (
	"strings"
	"testing"
)

func TestVersionOf(t *testing.T) {
	for _, c := range []struct{ name, project, want string }{
		{"demo-1.0.tar.gz", "demo", "1.0"},
		{"Demo-1.0.zip", "demo", "1.0"},
		{"my_lib-1.0.tar.gz", "my-lib", "1.0"},
		{"my-lib-1.0.tar.gz", "my-lib", "1.0"},
		{"My.Lib-1.0rc1.tar.gz", "my-lib", "1.0rc1"},
		{"my-1.0.tar.gz", "my-lib", ""},
		{"my-lib-1.0.tar.gz", "my", ""},
		{"demo-1.0-1.tar.gz", "demo", "1.0-1"},
		{"demo-1!2.0+local.1.tar.gz", "demo", "1!2.0+local.1"},
		{"demo-1.0.tgz", "demo", ""},
		{"demo-1.0.tar.bz2", "demo", ""},
		{"demo.tar.gz", "demo", ""},
		{"demo-.tar.gz", "demo", ""},
		{"-1.0.tar.gz", "demo", ""},
		{"demo-1.0-py3-none-any.tar.gz", "demo", ""},

		{"demo-1.0-py3-none-any.whl", "demo", "1.0"},
		{"my_lib-1.0-2-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "my-lib", "1.0"},
		{"demo-1.0-2b-py3-none-any.whl", "demo", "1.0"},
		{"demo-1.0-b2-py3-none-any.whl", "demo", ""},
		{"demo-1.0+local_1-py3-none-any.whl", "demo", "1.0+local_1"},
		{"demo-1.0_1-py3-none-any.whl", "demo", "1.0-1"},
		{"my-lib-1.0-py3-none-any.whl", "my-lib", ""},
		{"demo-1.0-py3-none.whl", "demo", ""},
		{"demo-1.0-py3--any.whl", "demo", ""},
		{"demo-one-py3-none-any.whl", "demo", ""},
		{"demo-1.0-1-2-py3-none-any.whl", "demo", ""},
		{"demo-1.0-py3-none-any.WHL", "demo", ""},
		{"de/mo-1.0.tar.gz", "demo", ""},
		{".demo-1.0.tar.gz", "demo", ""},
		{"demo-1.0.tar.gz", "", ""},
		{"", "", ""},
	} {
		if got := VersionOf(c.name, c.project); got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.name, c.project, got, c.want)
		}
	}
}

// Whatever VersionOf accepts is safe to join to a folder's name, and its parts
// are those of the project.
func FuzzVersionOf(f *testing.F) {
	f.Fuzz(func(t *testing.T, name, project string) {
		if VersionOf(name, project) == "" {
			return
		}
		if !SafeFilename(name) || strings.ContainsAny(name, "/\\\x00 ") || name[0] == '.' || len(name) > 255 || !IsNormalized(project) {
			t.Errorf("%q of %q", name, project)
		}
	})
}

func TestValidSpecifier(t *testing.T) {
	for s, want := range map[string]bool{
		"": true, ">=3.8": true, ">=3.8,<4.0": true, " >= 3.8 , != 3.9.* ": true, "==3.*": true, "~=3.8": true, "===3.8-odd": true,
		">=3.8,": true, "3.8": false, ">3.*": false, ">=": false, "=>3.8": false, ">=3.8 <4": false, `>=3"`: false,
		"~=3": false, "~=3.8rc1": true, "~=3.8+local": false, "~=3.*": false, "~=1!3": false, "~=1!3.0": true, "~= V3.8": true, ">=3.8+local": false, "<3+l": false,
		"==3.8+local": true, "!=3.8+local": true, "==3.8+local.*": false, "==3.8rc1.*": false, "==1!3.8.*": true, ">=3.5.*": false, "!=3.0.*,!=3.1.*": true,
		"===a b": false, "===": false, "<b>": false, ">=3.8;x": false, strings.Repeat(">=3,", 500): false,
	} {
		if fault := SpecifierFault(s); (fault == "") != want {
			t.Errorf("%q: %q", s, fault)
		}
	}
}
