package pgkv

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// cut is where a proxy ends a connection.
type cut int

const (
	never         cut = iota
	beforeCommit      // before the server hears of a commit
	duringCommit      // when the server has it, without waiting for an answer
	afterCommit       // when the server has answered, before the client hears of it
	atAnyCall         // before the nth call
	lineDead          // as beforeCommit, and the connection stays open without a word more, as where a line is cut
	lineDeadAfter     // as afterCommit, and so
)

// proxy stands between a store and the server, on a socket of its own, and cuts connections.
type proxy struct {
	t        testing.TB
	dir      string // of its socket
	to       string // the server's socket
	listener net.Listener

	mu     sync.Mutex
	where  cut
	n      int // of calls until atAnyCall cuts
	refuse bool
	syncs  int // that clients have sent: round trips, and a few more
	open   map[net.Conn]bool
}

func newProxy(t testing.TB, server string) *proxy {
	t.Helper()
	dir, err := os.MkdirTemp("", "rind-px-")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, dir: dir, to: filepath.Join(server, ".s.PGSQL.5432"), open: map[net.Conn]bool{}}
	p.listener, err = net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.listener.Close()
		p.cutAll()
		os.RemoveAll(dir)
	})
	go p.accept()
	return p
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		refuse := p.refuse
		p.open[client] = true
		p.mu.Unlock()
		server, err := net.Dial("unix", p.to)
		if err != nil || refuse {
			p.end(client, server)
			continue
		}
		l := &link{p: p, client: client, server: server}
		go l.up()
		go l.down()
	}
}

func (p *proxy) end(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if c != nil {
			c.Close()
			delete(p.open, c)
		}
	}
}

// cutAll ends all connections.
func (p *proxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		c.Close()
	}
}

// set says where the next connection is cut, once.
func (p *proxy) set(where cut, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.where, p.n = where, n
}

// away makes the server one that can't be reached, or that can be again.
func (p *proxy) away(refuse bool) {
	p.mu.Lock()
	p.refuse = refuse
	p.mu.Unlock()
	if refuse {
		p.cutAll()
	}
}

// link is one connection through the proxy.
type link struct {
	p              *proxy
	client, server net.Conn

	mu            sync.Mutex
	syncs, readys int
	silent        bool // the client hears nothing more
	open          bool // and is not told so
}

// at tells whether the connection is to be cut at a message of the client.
func (l *link) at(kind byte, body []byte) cut {
	if kind != 'B' {
		return never
	}
	_, rest, _ := bytes.Cut(body, []byte{0})
	name, _, _ := bytes.Cut(rest, []byte{0})
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	where := l.p.where
	l.p.n--
	if where == atAnyCall && l.p.n > 0 || where != atAnyCall && string(name) != putChanges || where == never {
		return never
	}
	l.p.where = never
	return where
}

// up passes on what the client says.
func (l *link) up() {
	defer l.p.end(l.client, l.server)
	if size := readInt4(l.client); size > 4 { // the first message has no kind
		first := binary.BigEndian.AppendUint32(nil, uint32(size))
		body := make([]byte, size-4)
		if _, err := io.ReadFull(l.client, body); err != nil {
			return
		}
		l.server.Write(append(first, body...))
	}
	cutting := never
	for {
		kind, message, body, err := readMessage(l.client)
		if err != nil {
			return
		}
		if cutting == never {
			cutting = l.at(kind, body)
		}
		switch {
		case cutting == beforeCommit || cutting == atAnyCall:
			return
		case cutting == lineDead: // until the client gives up
			_, _ = io.Copy(io.Discard, l.client)
			return
		case cutting == afterCommit || cutting == lineDeadAfter:
			l.mu.Lock()
			l.silent, l.open = true, cutting == lineDeadAfter
			l.mu.Unlock()
		}
		if kind == 'S' {
			l.p.mu.Lock()
			l.p.syncs++
			l.p.mu.Unlock()
			l.mu.Lock()
			l.syncs++
			l.mu.Unlock()
		}
		if _, err := l.server.Write(message); err != nil || kind == 'S' && cutting == duringCommit {
			return
		}
	}
}

// dead tells whether the connection stays open when nothing more comes through.
func (l *link) dead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

// down passes on what the server says.
func (l *link) down() {
	defer l.p.end(l.client, l.server)
	for {
		kind, message, _, err := readMessage(l.server)
		if err != nil {
			return
		}
		l.mu.Lock()
		if kind == 'Z' && l.syncs > 0 {
			l.readys++
		}
		silent, all := l.silent, l.syncs > 0 && l.readys == l.syncs
		l.mu.Unlock()
		if silent && all && !l.dead() {
			return
		}
		if !silent {
			if _, err := l.client.Write(message); err != nil {
				return
			}
		}
	}
}

func readInt4(r io.Reader) int {
	var b [4]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0
	}
	return int(binary.BigEndian.Uint32(b[:]))
}

func readMessage(r io.Reader) (kind byte, message, body []byte, err error) {
	head := make([]byte, 5)
	_, err = io.ReadFull(r, head)
	if err != nil {
		return 0, nil, nil, err
	}
	body = make([]byte, binary.BigEndian.Uint32(head[1:])-4)
	_, err = io.ReadFull(r, body)
	return head[0], append(head, body...), body, err
}
