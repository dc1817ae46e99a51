package gateway_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/verifier/gateway"
)

// A token for a project never uploads what installs as another one, or as another version, and nothing stays of what
// is refused. The archives themselves are the matter of package archive.
func TestContents(t *testing.T) {
	x := newIndex(t, nil)
	wheel := func(project, version string) string { return string(disttest.Wheel(project, version, "")) }
	sdist := func(project, version string) string { return string(disttest.SDist(project, version, "")) }
	const whl, tar = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"
	for _, c := range []struct{ what, file, content, want string }{
		{"a wheel of another project", whl, wheel("other", "1.0"), "'other-1.0.dist-info'"},
		{"a wheel of another version", whl, wheel("demo", "1.1"), "'demo-1.1.dist-info'"},
		{"an sdist of another project", tar, sdist("other", "1.0"), "says that it is 'other'"},
		{"an sdist of another version", tar, sdist("demo", "1.1"), "says that it is version '1.1'"},
		{"an sdist that is called a wheel", whl, gz(strings.Repeat("x", 100)), "not what its name says"},
		{"a gzip header with reserved flags", tar, "\x1f\x8b\x08 and nothing else", "not compressed with gzip"},
		{"no archive behind the magic number", tar, "\x1f\x8b\x08\x00and nothing else", "cut off or damaged"},
		{"cut off", whl, wheel("demo", "1.0")[:300], "cut off"},
	} {
		for _, fileFirst := range []bool{false, true} {
			form := upload("demo", "1.0", c.file, c.content)
			if fileFirst {
				form = append([]item{form[len(form)-1]}, form[:len(form)-1]...)
			}
			status, body := x.Post(x.Text, form)
			if !strings.HasPrefix(status, "400 ") || !strings.Contains(body, c.want) || !strings.Contains(status, c.want) {
				t.Errorf("%s: %s\n%s", c.what, status, body)
			}
		}
	}
	if len(x.Stored())+len(x.Staged())+len(x.Uploads) != 0 {
		t.Errorf("refused, and yet: %v, %v, %v", x.Stored(), x.Staged(), x.Uploads)
	}
	if status, body := x.Post(x.Text, upload("demo", "1.0", whl, wheel("Demo", "1.0.0"))); status != "200 OK" {
		t.Error(status, body)
	}
}

// A token that is not for the upload hears that, and nothing of the archive.
func TestDenialComesBeforeContents(t *testing.T) {
	x := newIndex(t, nil)
	other := x.Keys.Mint(t, nil, caveats.ProjectNames{"my-lib"})
	form := upload("demo", "1.0", "demo-1.0.tar.gz", gz("no tar file"))
	form = append([]item{form[len(form)-1]}, form[:len(form)-1]...)
	if status, _ := x.Post(other, form); !strings.HasPrefix(status, "403 Invalid API Token: token is valid for project 'my-lib'") {
		t.Error(status)
	}
}

// More uploads than archives that are read at once: all are read, one after the other.
func TestManyArchives(t *testing.T) {
	x := newIndex(t, func(c *gateway.Config) { c.MaxPerToken, c.MaxPerOwner = 100, 100 })
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			version := fmt.Sprintf("1.%d", i)
			if status, body := x.Post(x.Text, upload("demo", version, "demo-"+version+".tar.gz", pack("demo-"+version+".tar.gz", strings.Repeat("x = 1\n", 20000)))); status != "200 OK" {
				t.Error(status, body)
			}
		})
	}
	all.Wait()
}
