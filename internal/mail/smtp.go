package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"github.com/rind-dev/rind/internal/private"
	"github.com/rind-dev/rind/internal/text"
)

// The ways to the mail server, for SMTPConfig.TLS.
const (
	STARTTLS = "starttls" // plain at first, then TLS or nothing (RFC 3207)
	TLS      = "tls"      // TLS from the first byte (RFC 8314)
	None     = "none"     // no TLS: whoever sees the network reads the links
)

// DefaultTimeout is how long one Send may take.
const DefaultTimeout = 30 * time.Second

// maxPassword is the size of a password file, in bytes.
const maxPassword = 4096

// SMTPConfig says how to reach a mail server.
type SMTPConfig struct {
	Host string // name or IP address
	Port int    // 0: 465 where TLS is "tls", else 587

	// Username signs in to the server, with the password that is the first
	// line of PasswordFile. The file is read for every mail, so a new password
	// needs no restart; others may not read it. "" sends without signing in.
	Username, PasswordFile string

	From string // "rind@example.org" or "Rind <rind@example.org>"

	// TLS is "starttls" (also where it is ""), "tls" or "none". With "starttls"
	// a server that does not offer it gets no mail. "none" is for a server on
	// the same machine; no password is ever sent that way.
	TLS string

	// TLSConfig has the roots to trust; nil for the system's. The server's
	// certificate is always checked, against Host where ServerName is "".
	TLSConfig *tls.Config

	Timeout time.Duration    // of one Send; DefaultTimeout where it is 0
	Clock   func() time.Time // for the Date header; nil for time.Now
}

// SMTP is a Sender that uses a mail server. It makes one connection for each mail.
type SMTP struct {
	cfg      SMTPConfig
	addr     string // host:port
	envelope envelope
}

// NewSMTP checks the configuration, and that the password can be read. It does
// not connect.
func NewSMTP(cfg SMTPConfig) (*SMTP, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	env, err := newEnvelope(cfg.From, cfg.Clock)
	if err != nil {
		return nil, err
	}
	if cfg.Username != "" {
		if _, err := readPassword(cfg.PasswordFile); err != nil {
			return nil, err
		}
	}
	return &SMTP{cfg: cfg, addr: net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)), envelope: env}, nil
}

// complete fills in the defaults and refuses what can't work or is not safe.
func (c *SMTPConfig) complete() error {
	if c.TLS == "" {
		c.TLS = STARTTLS
	}
	if c.Port == 0 {
		c.Port = 587
		if c.TLS == TLS {
			c.Port = 465
		}
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.TLSConfig == nil {
		c.TLSConfig = &tls.Config{}
	}
	c.TLSConfig = c.TLSConfig.Clone()
	if c.TLSConfig.ServerName == "" {
		c.TLSConfig.ServerName = c.Host
	}
	c.TLSConfig.MinVersion = max(c.TLSConfig.MinVersion, tls.VersionTLS12)
	switch {
	case c.Host == "" || strings.ContainsFunc(c.Host, func(r rune) bool { return r == '/' || unicode.IsSpace(r) || unicode.IsControl(r) }):
		return fmt.Errorf("mail: %q is not the name of a mail server", c.Host)
	case c.Port < 1 || c.Port > 65535:
		return fmt.Errorf("mail: %d is not a port", c.Port)
	case c.TLS != STARTTLS && c.TLS != TLS && c.TLS != None:
		return fmt.Errorf(`mail: TLS is %q, not "starttls", "tls" or "none"`, c.TLS)
	case c.TLS == None && c.Username != "":
		return errors.New("mail: a password is not sent without TLS")
	case c.TLSConfig.InsecureSkipVerify:
		return errors.New("mail: the server's certificate must be checked: give the roots that it is checked against")
	}
	return nil
}

// readPassword returns the first line of a file, which others must not be able to read.
func readPassword(path string) (string, error) {
	b, err := private.AnyGroup.Read(path, maxPassword)
	if err != nil {
		return "", fmt.Errorf("mail: password file: %w", err)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 {
		return "", fmt.Errorf("mail: the password file %s holds no password in its first line", path)
	}
	return string(line), nil
}

// Send implements Sender.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	msg, err := s.envelope.build(m, gomail.EncodingQP)
	if err != nil {
		return err
	}
	password := ""
	if s.cfg.Username != "" {
		password, err = readPassword(s.cfg.PasswordFile)
		if err != nil {
			return err
		}
	}
	err = s.deliver(ctx, msg, password)
	if err == nil || msg.IsDelivered() { // a failure after the server took the mail does not count
		return nil
	}
	if ctxErr := ctx.Err(); ctxErr != nil {
		err = ctxErr // not the broken connection that it led to
	}
	return &sendError{text: fmt.Sprintf("mail: %s did not take the mail: %s", s.addr, scrub(err.Error(), password, m)), err: err}
}

// deliver makes one connection to the server and closes it, at the latest when
// ctx ends.
func (s *SMTP) deliver(ctx context.Context, msg *gomail.Msg, password string) error {
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	client, err := s.client(password, func(context.Context, string, string) (net.Conn, error) { return conn, nil })
	if err != nil {
		return err
	}
	return client.DialAndSendWithContext(ctx, msg)
}

func (s *SMTP) dial(ctx context.Context) (net.Conn, error) {
	if s.cfg.TLS == TLS {
		return (&tls.Dialer{Config: s.cfg.TLSConfig}).DialContext(ctx, "tcp", s.addr)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", s.addr)
}

func (s *SMTP) client(password string, dial gomail.DialContextFunc) (*gomail.Client, error) {
	options := []gomail.Option{
		gomail.WithPort(s.cfg.Port),
		gomail.WithTimeout(s.cfg.Timeout + time.Minute), // Send's context ends before
		gomail.WithTLSConfig(s.cfg.TLSConfig),
		gomail.WithDialContextFunc(dial),
		gomail.WithoutNoop(),
		gomail.WithoutRset(),
	}
	switch s.cfg.TLS {
	case STARTTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case TLS:
		options = append(options, gomail.WithSSL())
	case None:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.cfg.Username != "" {
		options = append(options, gomail.WithUsername(s.cfg.Username), gomail.WithPassword(password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256PLUS, gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	return gomail.NewClient(s.cfg.Host, options...)
}

// sendError says what went wrong in words that are safe to log; the error below
// is for errors.Is and errors.As only.
type sendError struct {
	text string
	err  error
}

func (e *sendError) Error() string { return e.text }
func (e *sendError) Unwrap() error { return e.err }

// scrub makes a server's answer fit for a log: one line, short, and without what
// it may have quoted of the password or of the mail, as filters quote links.
func scrub(answer, password string, m Message) string {
	secrets := strings.FieldsFunc(m.Text+" "+m.HTML, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(`/?#=&<>"'`, r)
	})
	for _, s := range append(secrets, password) {
		if len(s) >= 12 || s != "" && s == password {
			answer = strings.ReplaceAll(answer, s, "[removed]")
		}
	}
	answer = text.OneLine(answer)
	if len(answer) > 500 {
		answer = strings.ToValidUTF8(answer[:500], "") + "…"
	}
	return answer
}
