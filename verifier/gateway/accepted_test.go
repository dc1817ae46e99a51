package gateway_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/blake2b"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/dist"
	"github.com/rind-dev/rind/internal/dist/disttest"
)

// A package with thousands of requirements is one: only the bytes are bounded.
func TestManyFields(t *testing.T) {
	x := newIndex(t, nil)
	var form []item
	for i := range 5000 {
		form = append(form, field("requires_dist", fmt.Sprintf("dependency-%d >=1.0", i)))
	}
	if status, body := x.Post(x.Text, append(form, demo()...)); status != "200 OK" {
		t.Error(status, body)
	}
}

// Any one of the digests suffices, alone, and a token that is narrowed to a
// SHA-256 is held against the bytes all the same.
func TestOneDigestSuffices(t *testing.T) {
	x := newIndex(t, nil)
	for i, field := range []string{"md5_digest", "sha256_digest", "blake2_256_digest"} {
		version := fmt.Sprintf("1.%d", i)
		content := pack("demo-"+version+".tar.gz", "one")
		blake := blake2b.Sum256([]byte(content))
		form := with(upload("demo", version, "demo-"+version+".tar.gz", content), "blake2_256_digest", hex.EncodeToString(blake[:]))
		for _, other := range []string{"md5_digest", "sha256_digest", "blake2_256_digest"} {
			if other != field {
				form = without(form, other)
			}
		}
		wrong, err := token.Restrict(x.Text, caveats.Digests{digest("x")})
		if err != nil {
			t.Fatal(err)
		}
		if status, _ := x.Post(wrong, form); !strings.HasPrefix(status, "403 ") {
			t.Errorf("%s alone, with a token for another file: %s", field, status)
		}
		if status, body := x.Post(x.Text, form); status != "200 OK" || x.Uploads[i].SHA256 != digest(content) {
			t.Errorf("%s alone: %s %s", field, status, body)
		}
	}
}

// Each digest is compared with the bytes, also one that the form declares behind them.
func TestDigestsBehindTheFile(t *testing.T) {
	x := newIndex(t, nil)
	for i, name := range []string{"md5_digest", "sha256_digest", "blake2_256_digest"} {
		version := fmt.Sprintf("1.%d", i)
		content := pack("demo-"+version+".tar.gz", "one")
		form := upload("demo", version, "demo-"+version+".tar.gz", content)
		blake := blake2b.Sum256([]byte(content))
		right := field("blake2_256_digest", hex.EncodeToString(blake[:]))
		for _, it := range form {
			if it.Name == name {
				right = it
			}
		}
		wrong := field(name, strings.Repeat("0", len(right.Value)))
		if status, _ := x.Post(x.Text, append(without(form, name), wrong)); !strings.HasPrefix(status, "400 The file's ") {
			t.Errorf("a wrong %s behind the file: %s", name, status)
		}
		if status, body := x.Post(x.Text, append(without(form, name), right)); status != "200 OK" {
			t.Errorf("%s behind the file: %s %s", name, status, body)
		}
	}
}

// A version is kept and listed in its normal form, whatever its spelling was.
func TestVersionsInNormalForm(t *testing.T) {
	x := newIndex(t, nil)
	for i, c := range []struct{ sent, file, want string }{
		{" \t1.0\r\n", "demo-1.0.tar.gz", "1.0"},
		{"v1.0-ALPHA1", "demo-1.0a1.tar.gz", "1.0a1"},
		{"01.2", "demo-1.2-py3-none-any.whl", "1.2"},
		{"1.3.post", "demo-1.3.post0.tar.gz", "1.3.post0"},
		{"1." + strings.Repeat("0", 98), "demo-1.0-py3-none-any.whl", "1.0"}, // 100 characters
	} {
		content := pack(c.file, fmt.Sprint(i))
		status, body := x.Post(x.Text, upload("demo", c.sent, c.file, content))
		if status != "200 OK" || x.Uploads[i].Version != c.want {
			t.Errorf("%q: %s %s", c.sent, status, body)
		}
	}
	_, page := x.Get("/simple/demo/", "Accept", "application/vnd.pypi.simple.v1+json")
	var list struct{ Versions []string }
	err := json.Unmarshal([]byte(page), &list)
	if err != nil || fmt.Sprint(list.Versions) != "[1.0 1.0a1 1.2 1.3.post0]" {
		t.Errorf("%v, %v", list.Versions, err)
	}
}

// The longest names that a file system takes lose nothing.
func TestLongFileNames(t *testing.T) {
	x := newIndex(t, nil)
	for n := 250; n <= 256; n++ {
		version := fmt.Sprintf("1.%d", n)
		front := "demo-" + version + "-py3-none-"
		name := front + strings.Repeat("a", n-len(front)-len(".whl")) + ".whl"
		form := with(upload("demo", version, name, pack(name, version)), "requires_python", ">=3."+fmt.Sprint(n))
		status, _ := x.Post(x.Text, form)
		if n > dist.MaxFilename {
			if !strings.HasPrefix(status, "400 The file name '") || !strings.HasSuffix(status, "at most 255 characters.") {
				t.Errorf("%d characters: %s", n, status)
			}
			continue
		}
		if _, page := x.Get("/simple/demo/"); status != "200 OK" || !strings.Contains(page, `data-requires-python="&gt;=3.`+fmt.Sprint(n)+`" data-core-metadata="sha256=`+digest(disttest.Metadata("demo", version))+`"`) {
			t.Errorf("%d characters: %s\n%s", n, status, page)
		}
	}
}
