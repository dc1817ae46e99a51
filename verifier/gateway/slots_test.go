package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/verifier/gateway"
)

// arriving counts the bytes of bodies that the gateway has read.
func (x *testIndex) arriving() *atomic.Int64 {
	var n atomic.Int64
	next := x.Config.Handler
	x.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = &countingBody{r.Body, &n}
		next.ServeHTTP(w, r)
	})
	return &n
}

type countingBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (c *countingBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// slots is how many uploads have a slot.
func (x *testIndex) slots() int {
	n, _ := x.Gate.Slots()
	return n
}

// begin sends the first part of an upload and leaves it there.
func (x *testIndex) begin(text, contentType string, part []byte) net.Conn {
	x.T.Helper()
	conn, err := net.Dial("tcp", x.Listener.Addr().String())
	if err != nil {
		x.T.Fatal(err)
	}
	x.T.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
	fmt.Fprintf(conn, "POST /legacy/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		text, contentType, len(part)+1<<20)
	if _, err := conn.Write(part); err != nil {
		x.T.Fatal(err)
	}
	return conn
}

// until waits for something to come true.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came true: %s", what)
		}
	}
}

// One token takes its share of slots and no more; what is over frees its slot,
// however it ended.
func TestUploadsAtOnce(t *testing.T) {
	x := newIndex(t, func(c *gateway.Config) { c.MaxPerToken, c.MaxUploads, c.QueueTime = 2, 3, 50*time.Millisecond })
	arrived := x.arriving()
	other := x.Keys.Mint(t, nil, caveats.ProjectNames{"demo"})
	third := x.Keys.Mint(t, nil, caveats.ProjectNames{"demo"})
	raw, contentType := encode(demo())
	part := raw[:200]
	first := x.begin(x.Text, contentType, part)
	x.begin(x.Text, contentType, part)
	until(t, "two uploads are under way", func() bool { return arrived.Load() == 2*int64(len(part)) })

	if status, _ := x.Post(x.Text, demo()); status != "429 Too many uploads with this token are in progress. Try again when one of them is done." {
		t.Error("a third one with the token:", status)
	}
	if status, _ := x.Post(other, demo()); status != "200 OK" {
		t.Error("another token:", status)
	}
	x.begin(other, contentType, part)
	until(t, "three uploads are under way", func() bool { return x.slots() == 3 })
	if status, _ := x.Post(third, demo()); status != "503 Too many uploads are in progress. Try again later." {
		t.Error("a fourth in all:", status)
	}
	if strings.Contains(x.Log.String(), "level=ERROR") {
		t.Error("to be busy is called an error:", x.Log.String())
	}
	// A token that is refused waits for no slot.
	if status, _ := x.Post("pypi-none", demo()); !strings.HasPrefix(status, "403 ") {
		t.Error("no token:", status)
	}

	first.Close()
	until(t, "the slot of a client that is gone is free", func() bool { return x.slots() == 2 })
	if status, _ := x.Post(x.Text, demo()); status != "200 OK" {
		t.Error("behind it:", status)
	}
}

// An account takes its share of slots with however many tokens, and the last quarter of all is for accounts that have none
// under way: those who fill the others keep nobody out.
func TestUploadsAtOnceOfAnAccount(t *testing.T) {
	x := newIndex(t, func(c *gateway.Config) { c.MaxPerOwner, c.MaxUploads, c.QueueTime = 3, 8, 50*time.Millisecond })
	arrived := x.arriving()
	of := func(owner int) string { // another token of an account
		id := fmt.Sprintf("00000000-0000-4000-8000-%012d", owner)
		return x.Keys.MintFor(t, id, nil, caveats.ProjectNames{"demo"})
	}
	raw, contentType := encode(demo())
	part, n := raw[:200], 0
	begin := func(text string) {
		t.Helper()
		x.begin(text, contentType, part)
		n++
		until(t, "it is under way", func() bool { return arrived.Load() == int64(n*len(part)) })
	}
	for owner := range 2 {
		for range 3 {
			begin(of(owner))
		}
		if status, _ := x.Post(of(owner), demo()); status != "429 Too many uploads with tokens of this account are in progress. Try again when one of them is done." {
			t.Error("a fourth of one account:", status)
		}
	}
	begin(of(2)) // the seventh of eight: it has none under way
	if status, _ := x.Post(of(2), demo()); !strings.HasPrefix(status, "503 ") {
		t.Error("a second in the last quarter:", status)
	}
	if status, _ := x.Post(of(3), demo()); status != "200 OK" {
		t.Error("an account that has none under way:", status)
	}
}

// Who waits gets the slot that gets free.
func TestUploadsWait(t *testing.T) {
	x := newIndex(t, func(c *gateway.Config) { c.MaxPerToken, c.QueueTime = 1, time.Minute })
	arrived := x.arriving()
	raw, contentType := encode(demo())
	stalled := x.begin(x.Text, contentType, raw[:200])
	until(t, "an upload is under way", func() bool { return arrived.Load() == 200 })
	statuses := make(chan string)
	for range 5 {
		go func() {
			status, _ := x.Post(x.Text, demo())
			statuses <- status
		}()
	}
	time.Sleep(50 * time.Millisecond) // so that they do wait, mostly
	stalled.Close()
	for range 5 {
		if status := <-statuses; status != "200 OK" {
			t.Error(status)
		}
	}
	if n, shares := x.Gate.Slots(); n != 0 || shares != 0 {
		t.Errorf("%d slots are taken, by %d", n, shares)
	}
}

// Text that was sent before takes no memory, and buys no time: who only drips behind
// it is given up.
func TestManySlowUploads(t *testing.T) {
	const clients = 40
	x := newIndex(t, func(c *gateway.Config) { c.MaxPerToken = clients; c.Idle = 2 * time.Second })
	arrived := x.arriving()
	text := strings.Repeat("x", 250<<10)
	var form []item
	for i := range 31 { // 7.6 MiB
		form = append(form, field([]string{"summary", "license", "classifiers", "unknown"}[i%4], text))
	}
	raw, contentType := encode(append(form, demo()...))
	part := raw[:len(raw)-300]
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	conns := make([]net.Conn, clients)
	for i := range conns {
		conns[i] = x.begin(x.Text, contentType, part)
	}
	until(t, "all text was read", func() bool { return arrived.Load() >= clients*int64(len(part)) })
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(part) // of which the first reading knows
	each := (int64(after.HeapAlloc+after.StackInuse) - int64(before.HeapAlloc+before.StackInuse)) / clients
	t.Logf("%d KiB of memory for each of %d uploads of %d KiB of text", each>>10, clients, len(part)>>10)
	if each > 512<<10 {
		t.Errorf("%d bytes of memory for each upload", each)
	}
	over := make(chan string, clients)
	for _, conn := range conns {
		go func() {
			for range 600 {
				if _, err := conn.Write([]byte{'x'}); err != nil {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
		}()
		go func() {
			line, _ := bufio.NewReader(conn).ReadString('\n')
			over <- line
		}()
	}
	for range clients {
		if line := <-over; !strings.HasPrefix(line, "HTTP/1.1 408 The upload stalled") {
			t.Errorf("%q", line)
		}
	}
	if n := x.slots(); n != 0 || len(x.Staged()) != 0 {
		t.Errorf("%d slots are taken", n)
	}
}
