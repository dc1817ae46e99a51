package projects

import (
	"cmp"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// Config is what projects need besides the ledger.
type Config struct {
	People People // finds users by name and address; if nil, it finds nobody, so nobody can be invited

	// InvitationMail takes the mail with the link of an invitation, in the transaction that makes or
	// resends the invitation; its error undoes that transaction and is returned. It is also called if
	// there is nobody to write to, and must have the same outcome then. If nil, no mail is sent.
	InvitationMail func(kv.Tx, Invited) error

	Daily int // how many projects a user may create in a day, UTC; 0 means MaxProjectsDaily
}

// Service manages the projects of an issuer and their members. It is safe for concurrent use.
type Service struct {
	ledger *ledger.Ledger
	store  kv.Store
	clock  func() time.Time
	people People
	daily  int

	invitationMail func(kv.Tx, Invited) error // nil: no mail is sent
}

// New returns the Service for the projects of a ledger.
func New(l *ledger.Ledger, cfg Config) *Service {
	s := &Service{ledger: l, store: l.Store(), clock: l.Now, people: cfg.People, daily: cmp.Or(cfg.Daily, MaxProjectsDaily), invitationMail: cfg.InvitationMail}
	if s.people == nil {
		s.people = nobody{}
	}
	return s
}
