package mail_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/rind-dev/rind/internal/mail"
	"github.com/rind-dev/rind/internal/mail/mailtest"
)

const (
	link     = "https://rind.example.org/verify-email/Zm9yIHlvdXIgZXllcyBvbmx5#q=7d1b5c80c5f24b5e"
	password = "correct horse battery staple"
)

var (
	sentAt = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	letter = mail.Message{
		To:      "ada@example.org",
		Subject: "Prüfen Sie Ihre Adresse",
		Text:    "Guten Tag Ada,\n\n" + link + "\n\n.\n.ein Punkt am Anfang der Zeile\nGrüße\n",
	}
)

// config is a configuration that fits the server.
func config(s *mailtest.Server) mail.SMTPConfig {
	return mail.SMTPConfig{
		Host: s.Host, Port: s.Port, From: "Rind <noreply@rind.example.org>",
		TLSConfig: &tls.Config{RootCAs: s.Roots}, Clock: func() time.Time { return sentAt },
	}
}

func newSMTP(t *testing.T, cfg mail.SMTPConfig) *mail.SMTP {
	t.Helper()
	s, err := mail.NewSMTP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func passwordFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSendOverSTARTTLS(t *testing.T) {
	server := mailtest.Start(t)
	if err := newSMTP(t, config(server)).Send(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	m := server.Next(t)
	if !m.TLS {
		t.Error("the mail did not come over TLS")
	}
	if m.From != "noreply@rind.example.org" || len(m.To) != 1 || m.To[0] != letter.To {
		t.Errorf("envelope: from %q to %q", m.From, m.To)
	}
	if m.Subject != letter.Subject || m.Text != letter.Text || m.HTML != "" {
		t.Errorf("subject %q, text %q, HTML %q", m.Subject, m.Text, m.HTML)
	}
	for name, want := range map[string]string{
		"From": `"Rind" <noreply@rind.example.org>`, "To": "<ada@example.org>", "Auto-Submitted": "auto-generated",
		"Date": "Tue, 03 Feb 2026 04:05:06 +0000", "Cc": "", "Bcc": "", "User-Agent": "", "X-Mailer": "",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if id := m.Header.Get("Message-Id"); !strings.HasSuffix(id, "@rind.example.org>") || len(id) < 32 {
		t.Errorf("Message-ID: %q", id)
	}
	if n := len(server.Messages()); n != 1 {
		t.Errorf("%d mails for one Send", n)
	}
}

func TestMessageIDsDiffer(t *testing.T) {
	server := mailtest.Start(t)
	sender := newSMTP(t, config(server))
	for range 2 {
		if err := sender.Send(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := server.Next(t), server.Next(t); a.Header.Get("Message-Id") == b.Header.Get("Message-Id") {
		t.Errorf("two mails with the id %s", a.Header.Get("Message-Id"))
	}
}

func TestSendWithHTML(t *testing.T) {
	server := mailtest.Start(t)
	m := letter
	m.HTML = `<p>Grüße, <a href="` + link + `">bitte hier</a></p>`
	if err := newSMTP(t, config(server)).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := server.Next(t)
	if got.Text != m.Text || strings.TrimSpace(got.HTML) != m.HTML {
		t.Errorf("text %q, HTML %q", got.Text, got.HTML)
	}
	if kind := got.Header.Get("Content-Type"); !strings.HasPrefix(kind, "multipart/alternative") {
		t.Errorf("content type %q", kind)
	}
}

func TestWaysToTheServer(t *testing.T) {
	other := mailtest.Start(t).Roots
	cases := []struct {
		name   string
		server mailtest.Config
		alter  func(*mail.SMTPConfig)
		want   string // part of the error; "" where the mail arrives
		tls    bool
	}{
		{"TLS from the first byte", mailtest.Config{ImplicitTLS: true}, func(c *mail.SMTPConfig) { c.TLS = mail.TLS }, "", true},
		{"no TLS, as chosen", mailtest.Config{NoTLS: true}, func(c *mail.SMTPConfig) { c.TLS = mail.None }, "", false},
		{"by another of its names", mailtest.Config{}, func(c *mail.SMTPConfig) { c.Host = "localhost" }, "", true},
		{"a server without STARTTLS", mailtest.Config{NoTLS: true}, func(*mail.SMTPConfig) {}, "STARTTLS", false},
		{"a certificate of nobody known", mailtest.Config{}, func(c *mail.SMTPConfig) { c.TLSConfig = nil }, "unknown authority", false},
		{"a certificate of somebody else", mailtest.Config{}, func(c *mail.SMTPConfig) { c.TLSConfig = &tls.Config{RootCAs: other} }, "unknown authority", false},
		{"a certificate for another host", mailtest.Config{CertificateHost: "mail.example.org"}, func(*mail.SMTPConfig) {}, "certificate", false},
		{"the same over TLS", mailtest.Config{CertificateHost: "mail.example.org", ImplicitTLS: true}, func(c *mail.SMTPConfig) { c.TLS = mail.TLS }, "certificate", false},
		{"TLS where the server speaks none", mailtest.Config{}, func(c *mail.SMTPConfig) { c.TLS = mail.TLS }, "tls", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := mailtest.StartWith(t, c.server)
			cfg := config(server)
			c.alter(&cfg)
			err := newSMTP(t, cfg).Send(t.Context(), letter)
			got := server.Messages()
			if c.want == "" {
				if err != nil || len(got) != 1 || got[0].TLS != c.tls || got[0].Text != letter.Text {
					t.Errorf("error %v, mails %+v", err, got)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), server.Addr) {
				t.Errorf("error %v, want one with %q and %s", err, c.want, server.Addr)
			}
			if len(got) != 0 {
				t.Errorf("the server got %+v", got)
			}
		})
	}
}

func TestSignIn(t *testing.T) {
	for name, way := range map[string]mailtest.Config{
		mail.STARTTLS: {Username: "rind", Password: password},
		mail.TLS:      {Username: "rind", Password: password, ImplicitTLS: true},
	} {
		t.Run(name, func(t *testing.T) {
			server := mailtest.StartWith(t, way)
			cfg := config(server)
			cfg.TLS, cfg.Username, cfg.PasswordFile = name, "rind", passwordFile(t, password+"\r\nnot this line\n")
			sender := newSMTP(t, cfg)
			if err := sender.Send(t.Context(), letter); err != nil {
				t.Fatal(err)
			}
			if m := server.Next(t); m.User != "rind" {
				t.Errorf("signed in as %q", m.User)
			}
			// A new password needs no new sender, and a wrong one is not repeated.
			const wrong = "tr0ub4dor&3"
			if err := os.WriteFile(cfg.PasswordFile, []byte(wrong), 0o600); err != nil {
				t.Fatal(err)
			}
			err := sender.Send(t.Context(), letter)
			if err == nil || !strings.Contains(err.Error(), "535") || !strings.Contains(err.Error(), server.Addr) || strings.Contains(err.Error(), wrong) {
				t.Errorf("a wrong password: %v", err)
			}
		})
	}
}

func TestServerThatKnowsNoSignIn(t *testing.T) {
	server := mailtest.Start(t)
	cfg := config(server)
	cfg.Username, cfg.PasswordFile = "rind", passwordFile(t, password)
	if err := newSMTP(t, cfg).Send(t.Context(), letter); err == nil || !strings.Contains(err.Error(), "AUTH") {
		t.Errorf("error %v, want one about AUTH", err)
	}
	if n := len(server.Messages()); n != 0 {
		t.Error("the mail was sent without signing in")
	}
}

func TestServerIsDown(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().(*net.TCPAddr)
	listener.Close()
	err = newSMTP(t, mail.SMTPConfig{Host: "127.0.0.1", Port: addr.Port, From: "rind@example.org",
		Username: "rind", PasswordFile: passwordFile(t, password)}).Send(t.Context(), letter)
	if err == nil || !strings.Contains(err.Error(), addr.String()) || strings.Contains(err.Error(), password) {
		t.Errorf("error %v, want one that names %s", err, addr)
	}
}

func TestServerIsSlow(t *testing.T) {
	stall := make(chan struct{})
	t.Cleanup(func() { close(stall) })
	cases := map[string]struct {
		server mailtest.Config
		way    string
	}{
		"never greets":           {mailtest.Config{Silent: true}, mail.STARTTLS},
		"never shakes hands":     {mailtest.Config{Silent: true}, mail.TLS},
		"never takes the letter": {mailtest.Config{Stall: stall}, mail.STARTTLS},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server := mailtest.StartWith(t, c.server)
			cfg := config(server)
			cfg.TLS = c.way
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			err := newSMTP(t, cfg).Send(ctx, letter)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), server.Addr) {
				t.Errorf("with the context's time-out: %v", err)
			}
			cfg.Timeout = 300 * time.Millisecond
			if err := newSMTP(t, cfg).Send(t.Context(), letter); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("with a time-out of its own: %v", err)
			}
		})
	}
}

func TestCancelledBefore(t *testing.T) {
	server := mailtest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newSMTP(t, config(server)).Send(ctx, letter); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if len(server.Messages()) != 0 {
		t.Error("the mail was sent")
	}
}

// TestRefusalKeepsTheLinkSecret: filters quote the link that they don't like.
func TestRefusalKeepsTheLinkSecret(t *testing.T) {
	server := mailtest.StartWith(t, mailtest.Config{Reject: func() error {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "blocked for " + link + " in the text"}
	}})
	err := newSMTP(t, config(server)).Send(t.Context(), letter)
	if err == nil || !strings.Contains(err.Error(), "554") || !strings.Contains(err.Error(), "blocked for") {
		t.Fatalf("error %v, want the server's", err)
	}
	for _, secret := range []string{"Zm9yIHlvdXIgZXllcyBvbmx5", "7d1b5c80c5f24b5e"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds the link: %v", err)
		}
	}
}

// TestAcceptedIsAccepted: a server that hangs up after it took the mail has it.
func TestAcceptedIsAccepted(t *testing.T) {
	server := mailtest.StartWith(t, mailtest.Config{DropAfterData: true})
	sender := newSMTP(t, config(server))
	for range 10 {
		err := sender.Send(t.Context(), letter)
		if m := server.Next(t); m.Text != letter.Text {
			t.Errorf("text %q", m.Text)
		}
		if err != nil && !strings.Contains(err.Error(), "DATA writer") { // the answer itself was lost
			t.Errorf("error %v for a mail that was accepted", err)
		}
	}
}

func TestBadConfigurations(t *testing.T) {
	good := mail.SMTPConfig{Host: "mail.example.org", From: "rind@example.org"}
	readable := passwordFile(t, password)
	if err := os.Chmod(readable, 0o644); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		alter func(*mail.SMTPConfig)
		want  string
	}{
		"no host":             {func(c *mail.SMTPConfig) { c.Host = "" }, "not the name of a mail server"},
		"a socket":            {func(c *mail.SMTPConfig) { c.Host = "unix:///run/smtp" }, "not the name of a mail server"},
		"a line break":        {func(c *mail.SMTPConfig) { c.Host = "a\r\nb" }, "not the name of a mail server"},
		"a port":              {func(c *mail.SMTPConfig) { c.Port = 70000 }, "70000 is not a port"},
		"a way":               {func(c *mail.SMTPConfig) { c.TLS = "ssl" }, `"ssl"`},
		"no sender":           {func(c *mail.SMTPConfig) { c.From = "" }, "not an email address"},
		"two senders":         {func(c *mail.SMTPConfig) { c.From = "a@b.org, c@d.org" }, "not an email address"},
		"a sender in lines":   {func(c *mail.SMTPConfig) { c.From = "a@b.org\r\nBcc: c@d.org" }, "not an email address"},
		"a password in clear": {func(c *mail.SMTPConfig) { c.TLS, c.Username, c.PasswordFile = mail.None, "u", readable }, "without TLS"},
		"no password file":    {func(c *mail.SMTPConfig) { c.Username, c.PasswordFile = "u", "/nonexistent/password" }, "/nonexistent/password"},
		"a public password":   {func(c *mail.SMTPConfig) { c.Username, c.PasswordFile = "u", readable }, "chmod o-rwx"},
		"an empty password":   {func(c *mail.SMTPConfig) { c.Username, c.PasswordFile = "u", passwordFile(t, "\n") }, "no password"},
		"a huge password":     {func(c *mail.SMTPConfig) { c.Username, c.PasswordFile = "u", passwordFile(t, strings.Repeat("x", 5000)) }, "4096 bytes"},
		"no check":            {func(c *mail.SMTPConfig) { c.TLSConfig = &tls.Config{InsecureSkipVerify: true} }, "must be checked"},
	}
	for name, c := range cases {
		cfg := good
		c.alter(&cfg)
		if _, err := mail.NewSMTP(cfg); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
	if _, err := mail.NewSMTP(good); err != nil {
		t.Errorf("a good one: %v", err)
	}
}

func TestCallersTLSConfigIsLeftAlone(t *testing.T) {
	given := &tls.Config{RootCAs: x509.NewCertPool()}
	newSMTP(t, mail.SMTPConfig{Host: "mail.example.org", From: "rind@example.org", TLSConfig: given})
	if given.ServerName != "" || given.MinVersion != 0 {
		t.Errorf("it was changed: %q, %x", given.ServerName, given.MinVersion)
	}
}
