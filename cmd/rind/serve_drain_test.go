package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/dist/disttest"
)

// TestServeEndsAfterItsUploads: an upload that is under way at SIGTERM is kept, although it takes longer than pages may, and
// then the server ends.
func TestServeEndsAfterItsUploads(t *testing.T) {
	t.Parallel()
	s := newServedTeam(t, t.TempDir(), "", "demo")
	form, kind, err := uploadForm("demo", "1.0", wheelFile("demo", "1.0"), "bdist_wheel", disttest.Wheel("demo", "1.0", ""))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	begin, rest := form[:len(form)/2], form[len(form)/2:]
	send := func(text string) {
		t.Helper()
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	answers := bufio.NewReader(conn)
	says := func(want string) {
		t.Helper()
		for {
			line, err := answers.ReadString('\n')
			if strings.Contains(line, want) {
				return
			}
			if err != nil || strings.HasPrefix(line, "HTTP/1.1 ") {
				t.Fatalf("%q, %v, want %q", line, err, want)
			}
		}
	}
	send(fmt.Sprintf("POST /legacy/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\nAuthorization: Basic %s\r\nExpect: 100-continue\r\n\r\n",
		kind, len(form), base64.StdEncoding.EncodeToString([]byte("__token__:"+s.all))))
	says("100 Continue") // the upload is being read
	send(string(begin))
	s.Signal(syscall.SIGTERM)
	s.Says("shutting down", 1)
	time.Sleep(22 * time.Second) // more than pages have
	send(string(rest))
	says("200 OK")
	says("Stored demo-1.0")
	if err := s.Ends(); err != nil {
		t.Error(err)
	}
}
