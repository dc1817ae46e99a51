package mails

import (
	"bytes"
	"context"
	"log/slog"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/teststore"
	"github.com/rind-dev/rind/internal/mail"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/ui"
)

// public is where links lead.
const public = "https://rind.example.org"

// Who has an account: ada, and eve, who has not confirmed her address.
const (
	adaID = "00000000-0000-4000-8000-0000000000aa"
	eveID = "00000000-0000-4000-8000-0000000000ee"
)

// desk is where mails are written, on a real store.
type desk struct {
	*testing.T
	store   kv.Store
	mailer  *Mailer
	queue   *queue
	notices *notices.Outbox
	now     time.Time
	log     bytes.Buffer
	read    int // mails that sent has returned
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{T: t, queue: &queue{}, now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	store, err := teststore.Open(t, filepath.Join(t.TempDir(), "rind.db"))
	d.must(err)
	t.Cleanup(func() { _ = store.Close() })
	d.store = store
	pages, err := ui.New()
	d.must(err)
	at, err := url.Parse(public)
	d.must(err)
	d.mailer = New(pages, d.queue, at)
	d.notices = notices.New(store, func() time.Time { return d.now }, slog.New(slog.NewTextHandler(&d.log, nil)))
	return d
}

func (d *desk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// User is Accounts.
func (d *desk) User(_ context.Context, id string) (authn.User, error) {
	switch id {
	case adaID:
		return authn.User{ID: id, Username: "ada", Email: "ada@example.org", EmailVerified: true}, nil
	case eveID:
		return authn.User{ID: id, Username: "eve", Email: "eve@example.org"}, nil
	}
	return authn.User{}, authn.ErrNotFound
}

// putApart puts notices for a person, each as if it was the only one in a long time.
func (d *desk) putApart(ns ...notices.Notice) {
	d.Helper()
	d.now = d.now.Add(time.Hour)
	d.must(d.store.Update(d.Context(), func(tx kv.Tx) error {
		for _, n := range ns {
			n.At = d.now
			if err := d.notices.Put(tx, n); err != nil {
				return err
			}
		}
		return nil
	}))
}

// sent are the mails since the last time; what waits is written first.
func (d *desk) sent() []mail.Message {
	d.Helper()
	_, _ = d.notices.Pass(d.Context(), d.mailer.Carry(d)) // a queue that fails is what some tests are about
	news := d.queue.mails[d.read:]
	d.read = len(d.queue.mails)
	return news
}

// queue is a Queue that keeps what it is given, once its change is made.
type queue struct {
	mails []mail.Message
	fail  error
}

// Put is Queue.
func (q *queue) Put(tx kv.Tx, m mail.Message) error {
	if q.fail != nil || m.To == "" {
		return q.fail
	}
	tx.OnCommit(func() { q.mails = append(q.mails, m) })
	return nil
}

// Nobody is Queue.
func (q *queue) Nobody(kv.Tx, mail.Message) error { return nil }

var (
	mailLink  = regexp.MustCompile(`https?://[^\s"<]+`)
	mailTag   = regexp.MustCompile(`<(/?)([a-z0-9]+)[^>]*>`)
	mailOther = regexp.MustCompile(`(?i)<(script|img|link|iframe|object|form|style|video|svg|base)|\bsrc=|\bon\w+=|url\(|javascript:`)
)

// wellFormed fails where an element of a mail is not closed in its turn, or something
// in it would be loaded from elsewhere.
func (d *desk) wellFormed(what, page string) {
	d.Helper()
	var open []string
	for _, m := range mailTag.FindAllStringSubmatch(page, -1) {
		switch {
		case m[2] == "meta" || m[2] == "br":
		case m[1] == "":
			open = append(open, m[2])
		case len(open) == 0 || open[len(open)-1] != m[2]:
			d.Errorf("%s: </%s> closes %q", what, m[2], open)
			return
		default:
			open = open[:len(open)-1]
		}
	}
	if bad := mailOther.FindString(strings.Join(mailTag.FindAllString(page, -1), "")); len(open) > 0 || bad != "" || !strings.HasPrefix(page, "<!DOCTYPE html>") {
		d.Errorf("%s: %q are open, or it holds %q", what, open, bad)
	}
}
