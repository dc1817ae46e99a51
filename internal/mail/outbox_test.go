package mail_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rind-dev/rind/internal/mail"
	"github.com/rind-dev/rind/internal/mail/mailtest"
)

func newOutbox(t *testing.T) (*mail.Outbox, string, *bytes.Buffer) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data", "outbox")
	var log bytes.Buffer
	o, err := mail.NewOutbox(mail.OutboxConfig{Dir: dir, Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return o, dir, &log
}

func TestOutboxWritesAFile(t *testing.T) {
	o, dir, log := newOutbox(t)
	if err := o.Send(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || !strings.HasSuffix(entries[0].Name(), ".eml") {
		t.Fatalf("the outbox holds %v, %v", entries, err)
	}
	path := filepath.Join(dir, entries[0].Name())
	for name, want := range map[string]fs.FileMode{path: 0o600, dir: fs.ModeDir | 0o700} {
		if fi, err := os.Stat(name); err != nil || fi.Mode() != want {
			t.Errorf("%s: mode %v, %v; want %v", name, fi.Mode(), err, want)
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(raw, []byte("\r\n"+link+"\r\n")) {
		t.Errorf("the link can't be copied from the file:\n%s", raw)
	}
	m := mailtest.Parse(t, raw)
	if m.Subject != letter.Subject || strings.TrimSpace(m.Text) != strings.TrimSpace(letter.Text) || m.Header.Get("To") != "<ada@example.org>" {
		t.Errorf("the file holds %+v", m)
	}
	for _, want := range []string{`"level":"INFO"`, `"msg":"mail written"`, `"file":"` + path + `"`, `"to":"ada@example.org"`, letter.Subject} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s: %s", want, log)
		}
	}
	if strings.Contains(log.String(), "Zm9yIHlvdXIgZXllcyBvbmx5") || strings.Contains(log.String(), "https:") {
		t.Errorf("the log holds the link: %s", log)
	}
}

func TestOutboxKeepsEveryMail(t *testing.T) {
	o, dir, _ := newOutbox(t)
	paths := make([]string, 32)
	var wg sync.WaitGroup
	for i := range paths {
		wg.Go(func() {
			var err error
			paths[i], err = o.Write(t.Context(), letter)
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(paths) {
		t.Errorf("%d files for %d mails, %v", len(entries), len(paths), err)
	}
	for _, p := range paths {
		if _, err := os.Stat(p); err != nil {
			t.Error(err)
		}
	}
}

func TestOutboxRefusesAFolderOfOthers(t *testing.T) {
	for _, mode := range []fs.FileMode{0o755, 0o750, 0o701} {
		dir := t.TempDir()
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := mail.NewOutbox(mail.OutboxConfig{Dir: dir}); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "chmod 700 "+dir) {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}

func TestOutboxFailures(t *testing.T) {
	o, dir, log := newOutbox(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.Send(ctx, letter); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled Send: %v", err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := o.Send(t.Context(), letter); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir) {
		t.Errorf("no folder: %v", err)
	}
	if log.Len() != 0 {
		t.Errorf("a mail that was not written is in the log: %s", log)
	}
}

// TestInjection: no recipient and no subject makes a header or a recipient of its own.
func TestInjection(t *testing.T) {
	server := mailtest.Start(t)
	o, dir, _ := newOutbox(t)
	senders := map[string]mail.Sender{"smtp": newSMTP(t, config(server)), "outbox": o}
	bad := map[string]mail.Message{
		"CRLF in To":       {To: "ada@example.org\r\nBcc: eve@example.org", Subject: "s", Text: "t"},
		"LF in To":         {To: "ada@example.org\nBcc: eve@example.org", Subject: "s", Text: "t"},
		"a trailing LF":    {To: "ada@example.org\n", Subject: "s", Text: "t"},
		"two recipients":   {To: "ada@example.org, eve@example.org", Subject: "s", Text: "t"},
		"a name":           {To: "ada@example.org <eve@example.org>", Subject: "s", Text: "t"},
		"angle brackets":   {To: "<ada@example.org>", Subject: "s", Text: "t"},
		"no recipient":     {To: "", Subject: "s", Text: "t"},
		"parameters":       {To: "ada@example.org> SIZE=1", Subject: "s", Text: "t"},
		"NUL in To":        {To: "ada\x00@example.org", Subject: "s", Text: "t"},
		"CRLF in Subject":  {To: "ada@example.org", Subject: "s\r\nBcc: eve@example.org", Text: "t"},
		"LF in Subject":    {To: "ada@example.org", Subject: "s\nBcc: eve@example.org", Text: "t"},
		"CR in Subject":    {To: "ada@example.org", Subject: "s\rBcc: eve@example.org", Text: "t"},
		"NEL in Subject":   {To: "ada@example.org", Subject: "s\u0085x", Text: "t"},
		"LS in Subject":    {To: "ada@example.org", Subject: "s\u2028x", Text: "t"},
		"bytes in Subject": {To: "ada@example.org", Subject: "s\xff", Text: "t"},
		"no Subject":       {To: "ada@example.org", Subject: "", Text: "t"},
		"long Subject":     {To: "ada@example.org", Subject: strings.Repeat("s", 501), Text: "t"},
		"no text":          {To: "ada@example.org", Subject: "s", Text: "", HTML: "<p>x"},
		"bytes in text":    {To: "ada@example.org", Subject: "s", Text: "t\xff"},
		"bytes in HTML":    {To: "ada@example.org", Subject: "s", Text: "t", HTML: "\xff"},
		"a huge text":      {To: "ada@example.org", Subject: "s", Text: strings.Repeat("t", 1<<20+1)},
	}
	for kind, s := range senders {
		for name, m := range bad {
			if err := s.Send(t.Context(), m); !errors.Is(err, mail.ErrMessage) {
				t.Errorf("%s, %s: %v, want ErrMessage", kind, name, err)
			}
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 || len(server.Messages()) != 0 {
		t.Errorf("a refused mail was written or sent: %v, %v", entries, server.Messages())
	}
}

// TestBodyStaysBody: lines that look like headers, ends of mail or parts stay text.
func TestBodyStaysBody(t *testing.T) {
	server := mailtest.Start(t)
	m := letter
	m.Subject = "=?utf-8?q?already=20encoded?= " + strings.Repeat("lang ", 80)
	m.Text = "Bcc: eve@example.org\n\n.\nMAIL FROM:<eve@example.org>\n--boundary\nFrom here on\n" + strings.Repeat("very long ", 300) + "\n"
	if err := newSMTP(t, config(server)).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := server.Next(t)
	if got.Text != m.Text {
		t.Errorf("the text came as %q", got.Text)
	}
	if len(got.To) != 1 || got.Header.Get("Bcc") != "" || len(server.Messages()) != 1 {
		t.Errorf("recipients %q, Bcc %q, %d mails", got.To, got.Header.Get("Bcc"), len(server.Messages()))
	}
	for _, line := range strings.Split(string(got.Raw), "\r\n") {
		if len(line) > 998 {
			t.Errorf("a line of %d bytes (RFC 5322 §2.1.1)", len(line))
		}
	}
}
