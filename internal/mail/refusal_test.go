package mail

import (
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/rind-dev/rind/internal/mail/mailtest"
)

// refusalBy is what a real server's answer leads to.
func refusalBy(t *testing.T, code int) error {
	t.Helper()
	server := mailtest.StartWith(t, mailtest.Config{NoTLS: true, Reject: func() error { return &smtp.SMTPError{Code: code, Message: "no"} }})
	sender, err := NewSMTP(SMTPConfig{Host: server.Host, Port: server.Port, From: "rind@example.org", TLS: None})
	if err != nil {
		t.Fatal(err)
	}
	return sender.Send(t.Context(), Message{To: "nobody@example.org", Subject: "s", Text: "t"})
}

// What a server says for good, what it says for now, and that it says nothing are three things.
func TestRefusals(t *testing.T) {
	away, err := NewSMTP(SMTPConfig{Host: "127.0.0.1", Port: 1, From: "rind@example.org", TLS: None})
	if err != nil {
		t.Fatal(err)
	}
	for want, err := range map[refusal]error{
		refusedForGood: refusalBy(t, 550), refusedForNow: refusalBy(t, 451),
		notReached: away.Send(t.Context(), Message{To: "ada@example.org", Subject: "s", Text: "t"}),
	} {
		if got := refusalOf(err); err == nil || got != want {
			t.Errorf("%v is %d, want %d", err, got, want)
		}
	}
}
