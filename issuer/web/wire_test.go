package web

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/ui"
)

// An upload is refused with PyPI's words in the reason phrase, through all layers.
func TestRefusedUploadThroughAllLayers(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	ada.project("demo")
	text, id := ada.mint("ci", "scope", "chosen", "projects", "demo")
	upload := func(project, token string) (status string) {
		body := strings.NewReplacer("\n", "\r\n", "PROJECT", project).Replace(`--b
Content-Disposition: form-data; name=":action"

file_upload
--b
Content-Disposition: form-data; name="name"

PROJECT
--b
Content-Disposition: form-data; name="version"

1.0
--b
Content-Disposition: form-data; name="filetype"

sdist
--b
Content-Disposition: form-data; name="content"; filename="PROJECT-1.0.tar.gz"

no archive
--b--
`)
		conn, err := tls.Dial("tcp", h.server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // httptest's certificate
		h.must(err)
		defer conn.Close()
		r, err := http.NewRequest("POST", h.server.URL+"/legacy/", strings.NewReader(body))
		h.must(err)
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		r.SetBasicAuth("__token__", token)
		h.must(r.Write(conn))
		line, err := bufio.NewReader(conn).ReadString('\n')
		h.must(err)
		return strings.TrimSpace(line)
	}
	if got := upload("other", text); !strings.HasPrefix(got, "HTTP/1.1 403 Invalid API Token: ") || !strings.Contains(got, "demo") {
		t.Errorf("another project: %q", got)
	}
	if got := upload("demo", text); strings.Contains(got, " 403 ") {
		t.Errorf("the right project: %q", got)
	}
	ada.post("/tokens/"+id+"/revoke").is(303, "/tokens")
	if got := upload("demo", text); !strings.HasPrefix(got, "HTTP/1.1 403 Invalid API Token: ") || !strings.Contains(got, "revoked") {
		t.Errorf("revoked: %q", got)
	}
	log := h.log.String()
	if strings.Count(log, `msg="upload refused"`) < 2 || strings.Contains(log, "route=/legacy") {
		t.Errorf("the log of uploads:\n%s", log)
	}
}

// A form that is still being sent when it is too large gets its answer.
func TestALargeFormIsReadToItsEnd(t *testing.T) {
	h := newHouse(t)
	conn, err := tls.Dial("tcp", h.server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // httptest's certificate
	h.must(err)
	defer conn.Close()
	h.must(conn.SetDeadline(time.Now().Add(20 * time.Second)))
	const size = 10 << 20
	_, err = fmt.Fprintf(conn, "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", formType, size)
	h.must(err)
	if _, err := io.CopyN(conn, zeros{}, size); err != nil { // all of it, before anything is read
		t.Fatalf("the server hung up: %v", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	h.must(err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%s", resp.Status)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

// A form that stops coming is given up.
func TestASlowFormIsGivenUp(t *testing.T) {
	h := newHouse(t)
	p := h.web.pageRoutes(bounded(deadline.Upload.WithStall(50 * time.Millisecond)))
	p.post(ui.PathStrength, anyone, func(*visit) error { return errors.New("it came through") }, returns{})
	conn, err := tls.Dial("tcp", h.server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // httptest's certificate
	h.must(err)
	defer conn.Close()
	h.must(conn.SetDeadline(time.Now().Add(20 * time.Second)))
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 100\r\n\r\na=b", ui.PathStrength, formType)
	h.must(err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	h.must(err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("%s", resp.Status)
	}
}
