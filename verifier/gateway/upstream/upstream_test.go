package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/verifier/gateway/internal/gatetest"
)

const (
	tarName   = "demo-1.0.tar.gz"
	wheelName = "demo-1.0-py3-none-any.whl"
)

func secretFile(t testing.TB, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (b *behind) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b.Log, nil)) }

// post uploads demo 1.0 with some content.
func (b *behind) post(filename, text string) (status, body string) {
	b.T.Helper()
	return b.Post(b.Text, gatetest.Upload("demo", "1.0", filename, gatetest.Pack(filename, text)))
}

// What the index gets: the fields in order, those that decide once, a form of its own, its own credential, and
// nothing of the token.
func TestPass(t *testing.T) {
	for _, fileFirst := range []bool{false, true} {
		index := startIndex(t)
		b := newBehind(t, index, nil)
		content := gatetest.Pack(tarName, "one")
		form := gatetest.Upload("Demo", " 1.0\n", tarName, content)
		form = gatetest.With(form, "x_unknown", "ä\r\nb")
		form = append(form, gatetest.Item{Name: "gpg_signature", Value: "x", Disposition: `form-data; name="gpg_signature"; filename="a.asc"`})
		if fileFirst {
			form = append([]gatetest.Item{form[len(form)-2]}, append(form[:len(form)-2:len(form)-2], form[len(form)-1])...)
		}
		if status, body := b.Post(b.Text, form); status != "200 OK" {
			t.Fatal(status, body)
		}
		want := [][2]string{
			{":action", "file_upload"}, {"protocol_version", "1"}, {"x_unknown", "ä\r\nb"}, {"name", "Demo"}, {"version", "1.0"}, {"filetype", "sdist"},
			{"metadata_version", "2.1"}, {"summary", ""}, {"requires_python", ">=3.8"}, {"classifiers", "A"}, {"classifiers", "B"}, {"description", "# Demo\n"},
			{"md5_digest", form[slices.IndexFunc(form, func(i gatetest.Item) bool { return i.Name == "md5_digest" })].Value},
			{"sha256_digest", digestOf(content)}, {"content", tarName + " " + digestOf(content)},
		}
		if got := index.forms[0]; !slices.Equal(got, want) {
			t.Errorf("file first %v: the index got %v\nwant %v", fileFirst, got, want)
		}
		h := index.heads[0]
		if h.Get("Content-Length") == "" && len(h["Transfer-Encoding"]) > 0 || strings.Contains(fmt.Sprint(h), "pypi-") || h.Get("User-Agent") != userAgent {
			t.Error(h)
		}
		if left, err := os.ReadDir(b.cfg.Spool); err != nil || len(left) != 0 {
			t.Errorf("left in the spool: %v, %v", left, err)
		}
		if up := b.Uploads[0]; up.Repeated || up.Form != nil {
			t.Errorf("%+v", up)
		}
	}
}

// The index's answers become the gateway's.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		status int
		want   string
		log    string
	}{
		{200, "200 OK", "upload kept"},
		{201, "200 OK", "upload kept"},
		{204, "200 OK", "upload kept"},
		{301, "502 The index behind this address is not set up", "it redirects"},
		{307, "502 The index behind this address is not set up", "it redirects"},
		{400, "400 The index behind this address does not take this file.", "teapots only"},
		{401, "502 The index behind this address is not set up", "check user and password-file"},
		{403, "502 The index behind this address is not set up", "give it that right"},
		{404, "502 The index behind this address is not set up", "not the one that uploads go to"},
		{405, "502 The index behind this address is not set up", "not the one that uploads go to"},
		{409, "400 File already exists ('demo-1.0.tar.gz'", "upload refused"},
		{413, "413 The file is larger than the index", "max-upload"},
		{418, "502 The index behind this address is not set up", "teapots only"},
		{422, "400 The index behind this address does not take this file.", "teapots only"},
		{429, "503 The index behind this address could not be reached", "teapots only"},
		{500, "503 The index behind this address could not be reached", "teapots only"},
		{503, "503 The index behind this address could not be reached", "teapots only"},
	} {
		index := startIndex(t)
		b := newBehind(t, index, nil)
		index.before = func(w http.ResponseWriter, r *http.Request) bool {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Location", "/elsewhere/")
			w.WriteHeader(c.status)
			if c.status != 204 {
				_, _ = io.WriteString(w, "<h1>teapots only, secret-host.internal</h1>")
			}
			return true
		}
		status, body := b.post(tarName, "one")
		if !strings.HasPrefix(status, c.want) || strings.Contains(body, "teapots") || strings.Contains(body, "secret-host") {
			t.Errorf("%d: %s\n%s", c.status, status, body)
		}
		if !strings.Contains(b.Log.String(), c.log) || strings.Contains(b.Log.String(), "secret\n") {
			t.Errorf("%d: the log says %s", c.status, b.Log)
		}
	}
}

// The same file again is fine, whatever the index says to it; other content never is.
func TestExists(t *testing.T) {
	for what, edit := range map[string]func(*standIn){
		"pypiserver":                     func(x *standIn) {},
		"one that answers 400":           func(x *standIn) { x.again, x.same = 400, 400 },
		"devpi":                          func(x *standIn) { x.same, x.simple = 200, "/+simple/" },
		"one that replaces":              func(x *standIn) { x.same, x.replaces = 200, true },
		"one with JSON":                  func(x *standIn) { x.json = true },
		"one without digests":            func(x *standIn) { x.noDigest = true },
		"one without digests, with JSON": func(x *standIn) { x.noDigest, x.json = true, true },
		"Gitea": func(x *standIn) {
			x.path, x.simple = "/api/packages/team/pypi/", "/api/packages/team/pypi/simple/"
			x.user = "token"
		},
	} {
		t.Run(what, func(t *testing.T) {
			index := startIndex(t)
			edit(index)
			b := newBehind(t, index, func(c *Config) {
				if index.user == "token" {
					c.User, c.PasswordFile, c.BearerFile = "", "", secretFile(t, "token")
				}
			})
			for range 2 {
				if status, body := b.post(tarName, "one"); status != "200 OK" {
					t.Fatal(status, body)
				}
			}
			if !b.Uploads[1].Repeated || b.Uploads[0].Repeated {
				t.Error("repeated is wrong")
			}
			if status, _ := b.post(tarName, "two"); !strings.HasPrefix(status, "400 File already exists ('demo-1.0.tar.gz', with different content).") {
				t.Error(status)
			}
			// An sdist of the same version by another name.
			status, _ := b.Post(b.Text, gatetest.Upload("demo", "1.0", "DEMO-1.0.zip", gatetest.Pack("DEMO-1.0.zip", "x")))
			if !strings.HasPrefix(status, "400 File already exists ('demo-1.0.tar.gz', which is equivalent to 'DEMO-1.0.zip').") {
				t.Error(status)
			}
			if status, body := b.post(wheelName, "one"); status != "200 OK" {
				t.Error(status, body)
			}
			if got := index.names(); !slices.Equal(got, []string{"demo/" + wheelName, "demo/" + tarName}) {
				t.Error(got)
			}
			index.set(func() {
				if index.files["demo/"+tarName] != gatetest.Pack(tarName, "one") {
					t.Error("the content is not the first one")
				}
			})
		})
	}
}

// cutAt ends the connection of a request.
func cutAt(w http.ResponseWriter) bool {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		conn.Close()
	}
	return true
}

// Where the answer is lost, the index is asked.
func TestLostAnswers(t *testing.T) {
	index := startIndex(t)
	b := newBehind(t, index, nil)

	index.set(func() { index.after = func(w http.ResponseWriter, _ *http.Request) bool { return cutAt(w) } })
	if status, body := b.post(tarName, "one"); status != "200 OK" {
		t.Error("kept, and the answer lost:", status, body)
	}
	index.set(func() {
		index.after = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return true }
	})
	if status, body := b.post(wheelName, "one"); status != "200 OK" {
		t.Error("kept, and answered with 500:", status, body)
	}
	index.set(func() {
		index.files, index.after = map[string]string{}, nil
		index.before = func(w http.ResponseWriter, _ *http.Request) bool { return cutAt(w) }
	})
	if status, _ := b.post(tarName, "one"); !strings.HasPrefix(status, "503 ") || len(index.names()) != 0 {
		t.Error("not kept:", status)
	}
	index.set(func() {
		index.before = func(w http.ResponseWriter, _ *http.Request) bool {
			index.set(func() { index.files["demo/"+tarName] = "a part" })
			return cutAt(w)
		}
	})
	if status, _ := b.post(tarName, "one"); !strings.HasPrefix(status, "400 File already exists") || !strings.Contains(b.Log.String(), "remove it there if it is a part of the file") {
		t.Error("a part was kept:", status, b.Log)
	}
	index.set(func() {
		index.files = map[string]string{}
		index.before = func(w http.ResponseWriter, _ *http.Request) bool {
			index.set(func() { index.simple = "/nowhere/" })
			return cutAt(w)
		}
	})
	if status, _ := b.post(tarName, "one"); !strings.HasPrefix(status, "503 ") {
		t.Error("nobody knows:", status)
	}
}

// Uploads of one file, and of those with equivalent names, wait for each other, so that an index which takes both gets one.
func TestOneAtATime(t *testing.T) {
	index := startIndex(t)
	index.set(func() {
		index.replaces = true
		index.before = func(http.ResponseWriter, *http.Request) bool { time.Sleep(5 * time.Millisecond); return false }
	})
	b := newBehind(t, index, nil)
	var all sync.WaitGroup
	var mu sync.Mutex
	kept := 0
	for i := range 20 {
		all.Go(func() {
			name := []string{tarName, "demo-1.0.zip"}[i%2]
			status, _ := b.post(name, fmt.Sprint(i))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case status == "200 OK":
				kept++
			case !strings.HasPrefix(status, "400 File already exists"):
				t.Error(status)
			}
		})
	}
	all.Wait()
	if kept != 1 || index.most != 1 || b.up.traffic.files.Len() != 0 {
		t.Errorf("%d kept, %d at once at the index, %d locks left", kept, index.most, b.up.traffic.files.Len())
	}
}

// A client that hangs up while the file is passed on leaves a whole file, since some indexes keep the part that they have.
func TestHangUp(t *testing.T) {
	index := startIndex(t)
	arrived, proceed := make(chan struct{}), make(chan struct{})
	index.before = func(http.ResponseWriter, *http.Request) bool { close(arrived); <-proceed; return false }
	b := newBehind(t, index, nil)
	raw, kind := gatetest.Encode(gatetest.Upload("demo", "1.0", tarName, gatetest.Pack(tarName, "one")))
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.URL+"/legacy/", bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	r.SetBasicAuth("__token__", b.Text)
	done := make(chan error, 1)
	go func() {
		res, err := http.DefaultClient.Do(r)
		if err == nil {
			res.Body.Close()
		}
		done <- err
	}()
	<-arrived
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	close(proceed)
	eventually(t, "the index has the file", func() bool { return slices.Equal(index.names(), []string{"demo/" + tarName}) })
}

// A credential that changed is taken from its file at the first refusal.
func TestCredential(t *testing.T) {
	index := startIndex(t)
	b := newBehind(t, index, nil)
	index.set(func() { index.user = "rind:another" })
	if status, _ := b.post(tarName, "one"); !strings.HasPrefix(status, "502 ") {
		t.Error("the old credential:", status)
	}
	if err := os.WriteFile(b.cfg.PasswordFile, []byte("another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, body := b.post(tarName, "one"); status != "200 OK" {
		t.Error("the new credential:", status, body)
	}
	if err := os.WriteFile(b.cfg.PasswordFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.up.Reload(t.Context()); err == nil {
		t.Error("an empty file is a credential")
	}
	if status, body := b.post(wheelName, "one"); status != "200 OK" {
		t.Error("the one before stays:", status, body)
	}
	if strings.Contains(b.Log.String(), "another") {
		t.Error("the password is in the log")
	}
}

// While the index is away nothing is passed on, nothing stays, and it comes back by itself.
func TestAway(t *testing.T) {
	address := realtest.FreeAddress(t)
	index := startIndexAt(t, address)
	b := newBehind(t, index, nil)
	index.Close()
	if status, _ := b.post(tarName, "one"); !strings.HasPrefix(status, "503 The index behind this address could not be reached") {
		t.Error(status)
	}
	if b.up.Ready(t.Context()) == nil {
		t.Error("it is ready")
	}
	if err := b.up.Check(t.Context()); err != nil {
		t.Error("it may come up later:", err)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: index, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	if status, body := b.post(tarName, "one"); status != "200 OK" {
		t.Error(status, body)
	}
	if err := b.up.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}
