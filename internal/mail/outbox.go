package mail

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/rind-dev/rind/internal/durable"
	"github.com/rind-dev/rind/internal/private"
)

// Outbox is a Sender that writes mails as files, for a rind that has no mail
// server yet: an operator opens them with a mail program or any editor.
type Outbox struct {
	dir      string
	log      *slog.Logger
	written  func(Message) // may be nil
	envelope envelope
}

// OutboxConfig says where mails are written. Dir must be set.
type OutboxConfig struct {
	Dir string

	// GroupAccess also accepts a Dir that its group may enter (mode 2770), if this process
	// is in that group.
	GroupAccess bool

	// Written is called with each mail that is on the disk; it may be nil.
	Written func(Message)

	Logger *slog.Logger // nil discards
}

// NewOutbox makes the folder with mode 0700 if it does not exist, and refuses one that
// others may enter: the links in it let their reader in.
func NewOutbox(cfg OutboxConfig) (*Outbox, error) {
	dir, log := cfg.Dir, cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("mail: outbox: %w", err)
	}
	fi, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("mail: outbox: %w", err)
	}
	if err := private.Of(cfg.GroupAccess).Check(dir, fi); err != nil {
		return nil, fmt.Errorf("mail: the outbox %s %w", dir, err)
	}
	env, err := newEnvelope("Rind <rind@localhost>", time.Now)
	if err != nil {
		return nil, err
	}
	return &Outbox{dir: dir, log: log, written: cfg.Written, envelope: env}, nil
}

// Send implements Sender. It logs which file holds the mail for whom, and
// nothing of its text.
func (o *Outbox) Send(ctx context.Context, m Message) error {
	path, err := o.Write(ctx, m)
	if err != nil {
		return err
	}
	o.log.InfoContext(ctx, "mail written", "file", path, "to", m.To, "subject", m.Subject)
	if o.written != nil {
		o.written(m)
	}
	return nil
}

// Write is Send without a log line: it returns the path of the file, which has
// mode 0600, ends in .eml and appears under its name only when it is complete.
// Names sort by the time of writing. Lines of the text stand in the file as they
// are, so that a link can be copied from it.
func (o *Outbox) Write(ctx context.Context, m Message) (path string, err error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("mail: outbox %s: %w", o.dir, err)
	}
	m.Text, m.HTML = crlf(m.Text), crlf(m.HTML)
	msg, err := o.envelope.build(m, gomail.NoEncoding)
	if err != nil {
		return "", err
	}
	b, err := render(msg)
	if err != nil {
		return "", fmt.Errorf("mail: outbox %s: %w", o.dir, err)
	}
	name := o.envelope.now().UTC().Format("20060102T150405.000000000Z") + "-" + randomName()[:8] + ".eml"
	path = filepath.Join(o.dir, name)
	if err := durable.WriteFile(path, b); err != nil {
		return "", fmt.Errorf("mail: outbox %s: %w", o.dir, err)
	}
	return path, nil
}

// crlf ends lines as a mail does (RFC 5322 §2.3).
func crlf(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
}
