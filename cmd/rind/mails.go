package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/internal/mail"
	"github.com/rind-dev/rind/internal/text"
)

// openMail makes the sender of mails: the configured mail server, or files.
func (h *instance) openMail(cfg config.Config, log *slog.Logger) (mail.Sender, error) {
	m := cfg.Mail
	if m.Host == "" {
		log.Warn("no mail server is configured: emails are written to files, and sign-ins from unknown browsers and networks are not confirmed by email")
		h.outbox = filepath.Join(cfg.DataDir, outboxFolder)
		return mail.NewOutbox(mail.OutboxConfig{Dir: h.outbox, GroupAccess: cfg.GroupAccess, Logger: log, Written: h.showLink})
	}
	smtp := mail.SMTPConfig{
		Host: m.Host, Port: m.Port, Username: m.Username, PasswordFile: m.PasswordFile, From: m.From, TLS: m.TLS,
	}
	if m.CAFile != "" {
		pem, err := os.ReadFile(m.CAFile)
		if err != nil {
			return nil, fmt.Errorf("mail.ca-file: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("mail.ca-file: %s contains no certificate", m.CAFile)
		}
		smtp.TLSConfig = &tls.Config{RootCAs: roots, ServerName: m.Host, MinVersion: tls.VersionTLS12}
	}
	return mail.NewSMTP(smtp)
}

// shownOutbox returns the folder of mails if pages show it, else "".
func (h *instance) shownOutbox() string {
	if !h.cfg.AtTheMachine() {
		return ""
	}
	return h.outbox
}

// showLink prints a mail's recipient, its subject and the link in its text, in the same way as the
// link of the first start: in the terminal, and in no log.
func (h *instance) showLink(m mail.Message) {
	if m.Link == "" || !strings.Contains(m.Text, m.Link) || h.terminal == nil || !h.cfg.AtTheMachine() {
		return
	}
	h.showing.Lock()
	defer h.showing.Unlock()
	first, size := utf8.DecodeRuneInString(m.Subject)
	fmt.Fprintf(h.terminal, "mail to %s: %s: %s\n", text.Line(m.To), text.Line(string(unicode.ToLower(first))+m.Subject[size:]), m.Link)
}
