package pgkv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/pgtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// passOn passes each connection on to a socket.
const passOn = `
import os, signal, socket, sys, threading
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
def copy(a, b):
    try:
        while True:
            data = a.recv(65536)
            if not data: break
            b.sendall(data)
    except OSError: pass
    for s in (a, b):
        try: s.shutdown(socket.SHUT_RDWR)
        except OSError: pass
l = socket.create_server((sys.argv[1], 5432), backlog=100)
print("ready", flush=True)
while True:
    a, _ = l.accept()
    b = socket.socket(socket.AF_UNIX)
    b.connect(sys.argv[2])
    for pair in ((a, b), (b, a)): threading.Thread(target=copy, args=pair, daemon=True).start()
`

// line is a line to the server that can be cut: what is sent then waits, and nobody is told.
type line interface {
	dial(ctx context.Context, network, address string) (net.Conn, error)
	set(up bool)
}

// relay is a line of this process: it passes connections on to a socket, and holds back what they send while it is cut.
type relay struct {
	address string
	cut     sync.RWMutex
}

func newRelay(t *testing.T, socket string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{address: l.Addr().String()}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("unix", socket)
			if err != nil {
				a.Close()
				continue
			}
			go r.pass(a, b)
			go r.pass(b, a)
		}
	}()
	return r
}

// pass copies what one end sends to the other, and the end of the connection.
func (r *relay) pass(from, to net.Conn) {
	defer to.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		r.cut.RLock()
		if err == nil {
			_, err = to.Write(b[:n])
		}
		r.cut.RUnlock()
		if err != nil {
			return
		}
	}
}

func (r *relay) set(up bool) {
	if up {
		r.cut.Unlock()
	} else {
		r.cut.Lock()
	}
}

func (r *relay) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", r.address)
}

// network is a line into a network of its own: what is sent while it is cut is lost and sent again, as on any line.
type network struct {
	t           *testing.T
	name        string
	here, there string // addresses of the ends: this machine's, and that of the other network
}

// newNetwork returns nil where this machine makes no networks.
func newNetwork(t *testing.T, socket string) *network {
	t.Helper()
	n := os.Getpid() // runs at the same time have networks of their own
	net := fmt.Sprintf("10.%d.%d.", 192+(n>>8)%64, n%256)
	l := &network{t, fmt.Sprintf("rind%d", n%100000), net + "1", net + "2"}
	if out, err := exec.Command("ip", "netns", "add", l.name).CombinedOutput(); err != nil {
		t.Logf("this machine makes no networks, so a relay is the only line: %v: %s", err, out)
		return nil
	}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", l.name).Run() })
	l.ip("link", "add", l.name+"a", "type", "veth", "peer", "name", l.name+"b", "netns", l.name)
	l.ip("addr", "add", l.here+"/30", "dev", l.name+"a")
	l.ip("-n", l.name, "addr", "add", l.there+"/30", "dev", l.name+"b")
	l.ip("-n", l.name, "link", "set", l.name+"b", "up")
	l.set(true)
	p := realtest.Start(t, nil, "ip", "netns", "exec", l.name, realtest.Python.Path, "-c", passOn, l.there, socket)
	p.Says("ready", 1)
	return l
}

func (l *network) ip(args ...string) {
	l.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		l.t.Errorf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func (l *network) set(up bool) {
	l.t.Helper()
	l.ip("link", "set", l.name+"a", map[bool]string{true: "up", false: "down"}[up])
}

func (l *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", l.there+":5432")
}

// The line to the server is cut while commits are under way, and mended: what was acknowledged is there once, what was said to have
// changed nothing is not, and all goes on by itself.
func TestLineCut(t *testing.T) {
	server := shared(t)
	realtest.Need(t, realtest.Python)
	socket := server.Dir + "/.s.PGSQL.5432"
	lines := map[string]line{"relay": newRelay(t, socket)}
	if l := newNetwork(t, socket); l != nil {
		lines["network"] = l
	}
	for name, l := range lines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			commitsOver(t, server, l)
		})
	}
}

// commitsOver cuts the line while commits go over it.
func commitsOver(t *testing.T, server *pgtest.Server, l line) {
	schema := newSchema()
	direct := open(t, server.URL(), schema)
	handles := make([]*Store, 2)
	for i := range handles {
		var err error
		handles[i], err = Open(t.Context(), Options{URL: server.URL(), Schema: schema, dial: l.dial, wait: waits{fault: 5 * time.Second, answer: time.Second, resolve: 4 * time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { handles[i].Close() })
	}
	var acknowledged, doubtful atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			for ctx.Err() == nil {
				err := handles[i%2].Update(context.Background(), func(tx kv.Tx) error { return increase(tx, "n") })
				switch {
				case err == nil:
					acknowledged.Add(1)
				case errors.Is(err, kv.ErrUnknown):
					doubtful.Add(1)
				case !errors.Is(err, kv.ErrUnavailable):
					t.Errorf("Update: %v", err)
				}
			}
		})
	}
	more := func(n int64) {
		t.Helper()
		want := acknowledged.Load() + n
		realtest.Eventually(t, "more is acknowledged", func() error {
			if got := acknowledged.Load(); got < want {
				return fmt.Errorf("%d of %d", got, want)
			}
			return nil
		})
	}
	for _, cut := range []time.Duration{300 * time.Millisecond, 2 * time.Second, 6 * time.Second} { // the last is longer than anybody waits
		more(30)
		l.set(false)
		time.Sleep(cut)
		l.set(true)
		more(1)
	}
	stop()
	wg.Wait()
	got, err := strconv.ParseInt(string(get(t, direct, "n")), 10, 64)
	if err != nil || got < acknowledged.Load() || got > acknowledged.Load()+doubtful.Load() {
		t.Errorf("the counter is %d, %v, after %d acknowledged additions and %d doubtful ones", got, err, acknowledged.Load(), doubtful.Load())
	}
	t.Logf("%d additions acknowledged, %d doubtful, the counter is %d", acknowledged.Load(), doubtful.Load(), got)
}
