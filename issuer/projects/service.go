package projects

import (
	"cmp"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// Config is what projects need beside the ledger.
type Config struct {
	People People // who has a name or an address; nil: nobody, so that nobody can be invited

	// InvitationMail takes the mail with the link of an invitation, in the transaction in which that is made or
	// sent again; an error undoes it, and is the answer. It is called whether there is somebody to write to
	// or not, and the same has to become of it. nil: no mail is sent.
	InvitationMail func(kv.Tx, Invited) error

	Daily int // how many projects a user creates in a day, UTC, at most; MaxProjectsDaily where it is 0
}

// Service are the projects of an issuer and who is in them. It is safe for concurrent use.
type Service struct {
	ledger *ledger.Ledger
	store  kv.Store
	clock  func() time.Time
	people People
	daily  int

	invitationMail func(kv.Tx, Invited) error // nil: none is sent
}

// New makes the projects of a ledger.
func New(l *ledger.Ledger, cfg Config) *Service {
	s := &Service{ledger: l, store: l.Store(), clock: l.Now, people: cfg.People, daily: cmp.Or(cfg.Daily, MaxProjectsDaily), invitationMail: cfg.InvitationMail}
	if s.people == nil {
		s.people = nobody{}
	}
	return s
}
