package dist

import "testing"

func TestEquivalent(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"my_lib-1.0.tar.gz", "My.Lib-1.0.tar.gz", true},
		{"my_lib-1.0.tar.gz", "my-lib-1.0.0.tar.gz", true},
		{"my_lib-1.0.tar.gz", "my_lib-1.0.zip", true},
		{"my_lib-1.0.tar.gz", "my_lib-1.1.tar.gz", false},
		{"my_lib-1.0.tar.gz", "my_lib-1.0+local.tar.gz", false},
		{"my_lib-1.0.tar.gz", "my_lib-1.0-py3-none-any.whl", false},
		{"my_lib-1.0-py3-none-any.whl", "MY_lib-1.0-py3-none-any.whl", true},
		{"my_lib-1.0-py3-none-any.whl", "my_lib-1-PY3-none-any.whl", true},
		{"my_lib-1.0-py3-none-any.whl", "my_lib-1.0-1-py3-none-any.whl", false},
		{"my_lib-1.0-cp312-cp312-win_amd64.whl", "my_lib-1.0-cp313-cp313-win_amd64.whl", false},
		{"my_lib-1.0-py2.py3-none-any.whl", "my_lib-1.0-py3.py2-none-any.whl", true},
		{"my_lib-1.0-py2.py3-none-any.whl", "my_lib-1.0-py3.py2.PY3-none-any.whl", true},
		{"my_lib-1.0-py2.py3-none-any.whl", "my_lib-1.0-py3-none-any.whl", false},
		{"my_lib-1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "my_lib-1.0-cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", true},
		{"my_lib-1.0-1-py3-none-any.whl", "my_lib-1.0-01-py3-none-any.whl", true},
		{"my_lib-1.0-0-py3-none-any.whl", "my_lib-1.0-000-py3-none-any.whl", true},
		{"my_lib-1.0-1a-py3-none-any.whl", "my_lib-1.0-01A-py3-none-any.whl", true},
		{"my_lib-1.0-0a-py3-none-any.whl", "my_lib-1.0-00a-py3-none-any.whl", true},
		{"my_lib-1.0-1-py3-none-any.whl", "my_lib-1.0-10-py3-none-any.whl", false},
		{"my_lib-1.0-1-py3-none-any.whl", "my_lib-1.0-1a-py3-none-any.whl", false},
		{"notes.txt", "notes.txt", false},
		{"other-1.0.tar.gz", "other-1.0.zip", false}, // no file of the project
	} {
		if Equivalent(c.a, c.b, "my-lib") != c.want || Equivalent(c.b, c.a, "my-lib") != c.want {
			t.Errorf("%s and %s: not %v", c.a, c.b, c.want)
		}
	}
}
