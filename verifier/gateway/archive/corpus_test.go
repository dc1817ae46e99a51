package archive_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/verifier/gateway"
	"github.com/rind-dev/rind/verifier/gateway/archive"
	"github.com/rind-dev/rind/verifier/gateway/folder"
	"github.com/rind-dev/rind/verifier/gateway/internal/gatetest"
	"github.com/rind-dev/rind/verifier/gateway/upstream"
)

// behind is a gateway with a folder, or an index, behind it.
type behind struct {
	*gatetest.Index
	spool string // of uploads to an index

	mu   sync.Mutex
	sent int // uploads that reached the index
}

func quick(c *gateway.Config) {
	c.Idle, c.Refuser.IdleTime = 200*time.Millisecond, 50*time.Millisecond
}

func newBehind(t *testing.T) (both []*behind) {
	t.Helper()
	dir := t.TempDir()
	files, err := folder.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { files.Close() })
	index := &behind{spool: filepath.Join(t.TempDir(), "spool")}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			index.mu.Lock()
			defer index.mu.Unlock()
			index.sent++
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	passed, err := upstream.Open(upstream.Config{URL: server.URL, Spool: index.spool})
	if err != nil {
		t.Fatal(err)
	}
	index.Index = gatetest.Start(t, "", passed, quick)
	return []*behind{{Index: gatetest.Start(t, dir, files, quick)}, index}
}

// empty fails where anything is behind the gateway, or on its way there.
func (b *behind) empty(t *testing.T, what string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spool == "" {
		if kept := append(b.Stored(), b.Staged()...); len(kept) != 0 {
			t.Errorf("%s: the folder has %v", what, kept)
		}
		return
	}
	spool, err := os.ReadDir(b.spool)
	if b.sent != 0 || len(spool) != 0 || err != nil {
		t.Errorf("%s: the index got %d uploads; the spool has %v, %v", what, b.sent, spool, err)
		b.sent = 0
	}
}

// TestCorpusLeavesNothing uploads every archive of the corpus that is refused, and a good one that is cut off at each KiB,
// to a folder and to an index: neither has anything of them.
func TestCorpusLeavesNothing(t *testing.T) {
	all := archive.AllRefused(t)
	if len(all) < 150 {
		t.Errorf("%d archives are refused", len(all))
	}
	for _, b := range newBehind(t) {
		for _, h := range all {
			status, said := b.Post(b.Text, gatetest.Upload("demo", "1.0", h.File, string(h.Bytes)))
			if !strings.HasPrefix(status, "400 ") || len(said) < 20 {
				t.Errorf("%s: %s %s", h.Name, status, said)
			}
			b.empty(t, h.Name)
		}
		raw, contentType := gatetest.Encode(gatetest.Upload("demo", "1.0", "demo-1.0-py3-none-any.whl", string(disttest.Wheel("demo", "1.0", noise()))))
		for at := 0; at < len(raw); at += 1 << 10 {
			b.cut(t, raw[:at], contentType, len(raw))
		}
		b.cut(t, raw[:len(raw)-1], contentType, len(raw))
		if status, said := b.Send("Bearer "+b.Text, contentType, strings.NewReader(string(raw))); status != "200 OK" {
			t.Errorf("the whole upload: %s %s", status, said)
		}
	}
	t.Logf("%d archives were refused", len(all))
}

// noise is 80 KiB of comments, which shrink to half.
func noise() string {
	var b strings.Builder
	for i := 0; b.Len() < 80<<10; i++ {
		b.WriteString("# " + gatetest.Digest(fmt.Sprint(i)) + "\n")
	}
	return b.String()
}

// cut sends the beginning of an upload, and hangs up.
func (b *behind) cut(t *testing.T, begin []byte, contentType string, length int) {
	t.Helper()
	conn, err := net.Dial("tcp", b.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /legacy/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", b.Text, contentType, length)
	_, _ = conn.Write(begin)
	_ = conn.(*net.TCPConn).CloseWrite()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	status, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(status, " 400 ") {
		t.Errorf("cut at %d: %q, %v", len(begin), status, err)
	}
	b.empty(t, fmt.Sprintf("cut at %d", len(begin)))
}
