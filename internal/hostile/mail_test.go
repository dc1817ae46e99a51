package hostile

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/rind-dev/rind/internal/mail/mailtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// relaySettings makes rind send to a mail server at an address.
func relaySettings(address string) string {
	host, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	return fmt.Sprintf("registration = \"open\"\n[mail]\nhost = %q\nport = %d\nfrom = \"rind <rind@example.org>\"\ntls = \"none\"\n", host, n)
}

// asksToConfirm signs ada in where nobody knows her, so that she is mailed a link.
func (h *house) asksToConfirm(ip string) {
	h.Helper()
	c := h.newClient(ip)
	defer c.CloseIdleConnections()
	h.must(c.mustForm(h.Context(), "/login", "login", h.ada.name, "password", h.ada.password))
	code, err := totp.GenerateCode(h.ada.secret, time.Now())
	h.must(err)
	status, to, err := c.form(h.Context(), "/login/totp", "code", code)
	if err != nil || status != http.StatusSeeOther || to != "/login/device" {
		h.Fatalf("a sign-in from nowhere: %d, to %q, %v", status, to, err)
	}
}

// linked are who has been sent a mail with a link that works once, in this order.
func linked(s *mailtest.Server) (order []string) {
	for _, m := range s.Messages() {
		if strings.Contains(m.Text, "?link=") {
			order = append(order, m.To...)
		}
	}
	return order
}

// A mail that was taken while the mail server was away is sent when it is back, though the process was killed
// and started again in between; and it is sent once.
func TestMailsOutlastTheProcess(t *testing.T) {
	relay := realtest.FreeAddress(t)
	h := newHouse(t, relaySettings(relay))
	h.must(h.admin("invite", "carol@example.org"))
	h.asksToConfirm("198.51.100.7")
	h.server.Says("a mail was not sent yet", 2)
	_ = h.server.End(syscall.SIGKILL)
	h.serve()
	h.server.Says("a mail was not sent yet", 2)
	server := mailtest.StartWith(t, mailtest.Config{Address: relay, NoTLS: true})
	h.server.Eventually("both mails come", func() error {
		if got := linked(server); !slices.Contains(got, "carol@example.org") || !slices.Contains(got, "ada@example.org") {
			return fmt.Errorf("so far: %v", got)
		}
		return nil
	})
	h.server.Stop()
	h.serve()
	h.server.Stop()
	if got := linked(server); len(got) != 2 {
		t.Errorf("mails were sent again: %v", got)
	}
}

// Strangers who have many mails sent to a mail server that is slow to take them do not hold up the mail by which the
// owner confirms a sign-in.
func TestStrangersMailsDoNotHoldUpTheOwners(t *testing.T) {
	stall := make(chan struct{})
	server := mailtest.StartWith(t, mailtest.Config{NoTLS: true, Stall: stall, StallTo: func(to string) bool { return to != "ada@example.org" }})
	h := newHouse(t, relaySettings(server.Addr))
	sent := 0
	for i := range 12 {
		c := h.newClient(fmt.Sprintf("198.51.100.%d", i+1))
		name := fmt.Sprintf("stranger%d", i)
		status, _, err := c.form(t.Context(), "/register", "username", name, "email", name+"@example.net", "password", password+" "+name)
		c.CloseIdleConnections()
		h.must(err)
		if status == http.StatusSeeOther {
			sent++
		}
	}
	if sent < 10 {
		t.Fatalf("only %d strangers registered", sent)
	}
	h.asksToConfirm("203.0.113.99")
	h.server.Eventually("the owner's mail comes", func() error {
		if got := linked(server); len(got) == 0 {
			return fmt.Errorf("so far: %v", got)
		}
		return nil
	})
	if got := linked(server); !slices.Equal(got, []string{"ada@example.org"}) {
		t.Errorf("the owner's alone was to come: %v", got)
	}
	close(stall)
	h.server.Eventually("the strangers' mails follow", func() error {
		if got := linked(server); len(got) != sent+1 {
			return fmt.Errorf("%d of %d", len(got)-1, sent)
		}
		return nil
	})
}
