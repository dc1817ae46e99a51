package authn

import (
	"fmt"
	"sync"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

// mailbox is a Notifier that keeps what it is given.
type mailbox struct {
	mu   sync.Mutex
	fail error

	failing string // only mails of that kind fail; "" all
	mails   []sentMail
	calls   int // also those to nobody

	outbox *notices.Outbox
}

type sentMail struct {
	to                Recipient
	kind              string
	link              Secret
	inviter, newEmail string // of a link

	notice notices.Notice // if it is one
}

func (m *mailbox) add(s sentMail) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mails = append(m.mails, s)
}

// put takes a mail with a link, which counts when its change is made; in vain where mails fail.
func (m *mailbox) put(tx kv.Tx, s sentMail) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if m.fail != nil && (m.failing == "" || m.failing == s.kind) {
		return fmt.Errorf("%w: %w", ErrMail, m.fail)
	}
	if s.to.Email != "" {
		tx.OnCommit(func() { m.add(s) })
	}
	return nil
}

// Link is Notifier. Mails with links have their purposes as kinds.
func (m *mailbox) Link(tx kv.Tx, l LinkMail) error {
	return m.put(tx, sentMail{to: l.To, kind: string(l.Purpose), link: l.Link, inviter: l.Inviter, newEmail: l.NewEmail})
}

// Put is Outbox: what is told counts as a mail when its change is made.
func (m *mailbox) Put(tx kv.Tx, n notices.Notice) error {
	if err := m.outbox.Put(tx, n); err != nil {
		return err
	}
	tx.OnCommit(func() {
		m.add(sentMail{to: Recipient{UserID: n.User, Username: n.Username, Email: n.Email}, kind: string(n.Kind), notice: n})
	})
	return nil
}

// addressInUse is the kind of the mails of AddressInUse.
const addressInUse = "address_in_use"

// AddressInUse is Notifier.
func (m *mailbox) AddressInUse(tx kv.Tx, to Recipient, _ Purpose, _ string, _ Event) error {
	return m.put(tx, sentMail{to: to, kind: addressInUse})
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
