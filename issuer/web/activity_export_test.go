package web

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/kv"
)

// An export that is read over a slow line, for longer than any limit that a request or
// an answer has, arrives whole, and its connection carries another request.
func TestAnExportOutlivesEveryDeadline(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.founder("ada")
	const rows, lasts = 3000, deadline.Stall + 5*time.Second
	h.must(h.store.Update(t.Context(), func(tx kv.Tx) error {
		for range rows {
			e := audit.Event{Kind: "token.minted", Time: h.clock.Now(), Account: ada.id, Detail: map[string]string{"label": strings.Repeat("x", 500)}}
			if err := audit.Append(tx, e); err != nil {
				return err
			}
		}
		return nil
	}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	h.must(err)
	server := deadline.Server(h.web, slog.New(slog.DiscardHandler))
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	h.must(err)
	defer conn.Close()
	h.must(conn.(*net.TCPConn).SetReadBuffer(8 << 10))
	address, err := url.Parse(h.server.URL)
	h.must(err)
	request, err := http.NewRequest("GET", "https://"+address.Host+"/account/activity/export?format=jsonl", nil)
	h.must(err)
	for _, c := range ada.jar.Cookies(request.URL) {
		request.AddCookie(c)
	}
	r := bufio.NewReader(conn)
	ask := func() *http.Response {
		t.Helper()
		h.must(request.Write(conn))
		res, err := http.ReadResponse(r, request)
		h.must(err)
		if res.StatusCode != http.StatusOK {
			t.Fatal(res.Status)
		}
		return res
	}
	res := ask()
	began, lines := time.Now(), 0
	body := bufio.NewReader(res.Body)
	for {
		line, err := body.ReadString('\n')
		if err == io.EOF {
			break
		}
		h.must(err)
		lines++
		if strings.Contains(line, "xxx") && time.Since(began) < lasts {
			time.Sleep(lasts / rows)
		}
	}
	if lines < rows || time.Since(began) < lasts*9/10 {
		t.Errorf("%d lines in %s", lines, time.Since(began))
	}
	request.Method = http.MethodHead
	ask()
	t.Log(fmt.Sprint(lines, " rows in ", time.Since(began).Round(time.Second)))
}
