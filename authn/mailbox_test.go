package authn

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

// mailbox is a Notifier that keeps what it is given.
type mailbox struct {
	mu    sync.Mutex
	fail  error
	mails []sentMail
	calls int // also those to nobody

	outbox *notices.Outbox
}

type sentMail struct {
	to   Recipient
	kind string
	link Secret
	args map[string]string

	notice notices.Notice // if it is one
}

func (m *mailbox) add(s sentMail) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if m.fail != nil {
		return m.fail
	}
	m.mails = append(m.mails, s)
	return nil
}

func (m *mailbox) VerifyEmail(_ context.Context, to Recipient, link Secret, _ time.Time) error {
	return m.add(sentMail{to: to, kind: "verify", link: link})
}

func (m *mailbox) Invitation(_ context.Context, to Recipient, by string, link Secret, _ time.Time) error {
	return m.add(sentMail{to: to, kind: "invitation", link: link, args: map[string]string{"by": by}})
}

func (m *mailbox) PasswordReset(_ context.Context, to Recipient, link Secret, _ time.Time) error {
	if to.Email == "" {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.calls++
		return nil
	}
	return m.add(sentMail{to: to, kind: "reset", link: link})
}

func (m *mailbox) ConfirmDevice(_ context.Context, to Recipient, link Secret, _ time.Time, e Event) error {
	return m.add(sentMail{to: to, kind: e.Kind, link: link})
}

func (m *mailbox) AccountLink(_ context.Context, to Recipient, p Purpose, link Secret, _ time.Time, e Event) error {
	return m.add(sentMail{to: to, kind: string(p), link: link, args: e.Args})
}

// Put is Outbox: what is told counts as a mail when its change is made.
func (m *mailbox) Put(tx kv.Tx, n notices.Notice) error {
	if err := m.outbox.Put(tx, n); err != nil {
		return err
	}
	tx.OnCommit(func() {
		_ = m.add(sentMail{to: Recipient{UserID: n.User, Username: n.Username, Email: n.Email}, kind: string(n.Kind), args: n.Args, notice: n})
	})
	return nil
}

func (m *mailbox) AccountEvent(_ context.Context, to Recipient, e Event) error {
	return m.add(sentMail{to: to, kind: e.Kind, args: e.Args})
}

func (m *mailbox) last(t testing.TB, kind string) sentMail {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.mails) == 0 || m.mails[len(m.mails)-1].kind != kind {
		t.Fatalf("the last mail is not %q: %v", kind, m.mails)
	}
	return m.mails[len(m.mails)-1]
}

func (m *mailbox) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.mails)
}
