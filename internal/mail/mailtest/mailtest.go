// Package mailtest runs a real SMTP server on the loopback interface, for tests of
// code that sends mail.
package mailtest

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Config changes the default behavior of a server, which is to offer STARTTLS and
// accept mail from everybody.
type Config struct {
	ImplicitTLS        bool              // speak TLS from the first byte
	NoTLS              bool              // don't offer STARTTLS
	Username, Password string            // require clients to sign in with AUTH PLAIN
	Silent             bool              // accept connections, but never send anything
	Reject             func() error      // called before a message is accepted; an *smtp.SMTPError is sent as it is
	Stall              chan struct{}     // a message is answered only once this is closed
	StallTo            func(string) bool // the recipients to whom Stall applies; nil: all
	Address            string            // where it listens; "" for a free port on the loopback interface
	DropAfterData      bool              // hang up right after a message was accepted
	CertificateHost    string            // the host in the certificate; "" for the server's own
}

// Server is a running server. It stops when the test ends.
type Server struct {
	Addr   string         // "127.0.0.1:12345"
	Host   string         // "127.0.0.1"
	Port   int            //
	Roots  *x509.CertPool // trusts the server's certificate
	CAFile string         // path of the same as a PEM file

	cfg      Config
	tls      *tls.Config
	mu       sync.Mutex
	messages []Message
	taken    int           // how many messages Next has returned
	arrived  chan struct{} // closed and replaced when a message arrives
}

// Start starts a server that offers STARTTLS.
func Start(t testing.TB) *Server { return StartWith(t, Config{}) }

// StartWith starts a server.
func StartWith(t testing.TB, cfg Config) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", cmp.Or(cfg.Address, "127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{cfg: cfg, Addr: listener.Addr().String(), arrived: make(chan struct{})}
	s.Host, s.Port = split(t, s.Addr)
	host := cfg.CertificateHost
	if host == "" {
		host = s.Host
	}
	cert, pem := certificate(t, host)
	s.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(s.CAFile, pem, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Roots = x509.NewCertPool()
	s.Roots.AppendCertsFromPEM(pem)
	s.tls = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	if cfg.Silent {
		s.keepSilent(t, listener)
		return s
	}
	s.serve(t, listener)
	return s
}

func split(t testing.TB, addr string) (string, int) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return host, n
}

// serve speaks SMTP until the test ends.
func (s *Server) serve(t testing.TB, listener net.Listener) {
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, conn: c}, nil
	}))
	server.Domain = "mailtest.invalid"
	server.MaxMessageBytes = 4 << 20
	server.AllowInsecureAuth = true // so that tests notice a client that sends a password in the clear
	server.ErrorLog = quiet{}
	switch {
	case s.cfg.ImplicitTLS:
		listener = tls.NewListener(listener, s.tls)
	case !s.cfg.NoTLS:
		server.TLSConfig = s.tls
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(listener)
	}()
	t.Cleanup(func() { listener.Close(); server.Close(); <-done }) // server.Close alone misses a listener that Serve has not seen yet
}

// keepSilent accepts connections and leaves them waiting until the test ends.
func (s *Server) keepSilent(t testing.TB, listener net.Listener) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
}

// Messages returns the messages that the server has accepted, in the order of their arrival.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message(nil), s.messages...)
}

// Next returns the first message that it has not returned before. It waits for one,
// and fails the test if none comes within 30 seconds.
func (s *Server) Next(t testing.TB) Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		s.mu.Lock()
		if s.taken < len(s.messages) {
			m := s.messages[s.taken]
			s.taken++
			s.mu.Unlock()
			return m
		}
		arrived := s.arrived
		s.mu.Unlock()
		select {
		case <-arrived:
		case <-ctx.Done():
			t.Fatal("mailtest: no mail came within 30 seconds")
		}
	}
}

func (s *Server) add(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, m)
	close(s.arrived)
	s.arrived = make(chan struct{})
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// session is one client's connection.
type session struct {
	server *Server
	conn   *smtp.Conn
	user   string
	from   string
	to     []string
}

func (x *session) AuthMechanisms() []string {
	if x.server.cfg.Username == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (x *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != x.server.cfg.Username || password != x.server.cfg.Password {
			// The worst that a server can do: it repeats the password.
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no such user with " + password}
		}
		x.user = username
		return nil
	}), nil
}

func (x *session) Mail(from string, _ *smtp.MailOptions) error {
	if x.server.cfg.Username != "" && x.user == "" {
		return smtp.ErrAuthRequired
	}
	x.from = from
	return nil
}

func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	x.to = append(x.to, to)
	return nil
}

func (x *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if stalls := x.server.cfg.StallTo; x.server.cfg.Stall != nil && (stalls == nil || slices.ContainsFunc(x.to, stalls)) {
		<-x.server.cfg.Stall
	}
	if x.server.cfg.Reject != nil {
		if err := x.server.cfg.Reject(); err != nil {
			return err
		}
	}
	m, err := parse(b)
	if err != nil {
		return errors.Join(errors.New("mailtest: not a mail"), err)
	}
	_, m.TLS = x.conn.TLSConnectionState()
	m.From, m.To, m.User = x.from, x.to, x.user
	x.server.add(m)
	if x.server.cfg.DropAfterData {
		time.AfterFunc(0, func() { x.conn.Close() })
	}
	return nil
}

func (x *session) Reset()        { x.from, x.to = "", nil }
func (x *session) Logout() error { return nil }
