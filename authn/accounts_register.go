package authn

import (
	"context"

	"github.com/google/uuid"

	"github.com/rind-dev/rind/authn/password"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/internal/text"
)

// Registration is what somebody fills in to get an account.
type Registration struct {
	Username string
	Email    string
	Password string
	Purpose  Purpose // PurposeSetup or PurposeInvitation, of Link; "" without a link
	Link     Secret
}

// Register makes an account and mails the link that verifies its address. The Session that it returns
// is Enrolling. With ErrMail no account is made, and the link stays good.
//
// A link is used up when it makes an account; a form with problems leaves it good. The address need
// not be free: it belongs to the account that verifies it, so registering tells nobody who has an
// account, and nobody can keep somebody else's address from them. If another account has verified it,
// the owner of that account gets a notice in place of the link.
func (s *Accounts) Register(ctx context.Context, o Origin, r Registration) (Session, error) {
	var ps problem.Problems
	u := userRecord{ID: uuid.Must(uuid.NewV7()).String(), CreatedAt: s.now().UTC(), Generation: 1}
	u.Username = cleanUsername(r.Username, &ps)
	u.Email = cleanEmail(r.Email, &ps)
	u.Admin = r.Purpose == PurposeSetup
	err := s.precheckRegistration(ctx, r, u, &ps)
	if err != nil {
		return Session{}, err
	}
	if _, err := s.countAttempt(ctx, s.registerCounter(limitRegisterForm, limitRegisterLinkForm, o, r)); err != nil {
		return Session{}, err
	}
	err = s.passwords.judgePassword(ctx, r.Password, u.Username, u.Email, &ps)
	if err != nil {
		return Session{}, err
	}
	if err := ps.Err(); err != nil {
		return Session{}, err
	}
	if _, err := s.countAttempt(ctx, s.registerCounter(limitRegister, limitRegisterLink, o, r)); err != nil { // good forms count, too
		return Session{}, err
	}
	if r.Purpose == "" { // without a link, anybody can have mail sent to any address
		if _, err := s.countAttempt(ctx, s.counter(limitMailbox, text.Mailbox(u.Email))); err != nil {
			return Session{}, err
		}
	}
	hash, err := s.passwords.hashing.Hash(ctx, password.Requester{Login: r.Username, Network: network(o.IP)}, r.Password)
	if err != nil {
		return Session{}, err
	}
	text, key, link := s.newLink(PurposeVerifyEmail, u.ID, u.Email)
	link.Generation = u.Generation
	err = s.store.Update(ctx, func(tx kv.Tx) error {
		detail := map[string]string{"username": u.Username, "email": u.Email}
		if err := s.useRegistrationLink(tx, r, detail); err != nil {
			return err
		}
		if err := s.createUser(tx, u, hash); err != nil {
			return err
		}
		if err := replaceLink(tx, verifySlot(u.ID), key, link); err != nil {
			return err
		}
		if err := s.addresses.mailVerification(tx, u, o, text, link, r.Purpose != ""); err != nil {
			return err
		}
		return s.record(tx, u.ID, audit.Event{Kind: rowRegistered, Actor: o.actor(u, FactorNone), Detail: detail})
	})
	if err != nil {
		return Session{}, err
	}
	return s.newSession(u), nil
}

// registerCounter counts forms and password hashes for people without an account, per address or per
// link, so that a room full of invited people gets in.
func (s *Accounts) registerCounter(open, linked limit, o Origin, r Registration) counter {
	if r.Purpose != "" {
		return s.counter(linked, r.Link.Reveal())
	}
	return s.counter(open, network(o.IP))
}

// precheckRegistration refuses, before any hash is made, what the transaction would refuse: a link
// that is no longer good, or a name that is taken.
func (s *Accounts) precheckRegistration(ctx context.Context, r Registration, u userRecord, ps *problem.Problems) error {
	var taken string
	err := s.store.View(ctx, func(kr kv.Reader) (err error) {
		err = s.checkRegistrationLink(kr, r)
		if err != nil {
			return err
		}
		taken, err = lookup(kr, nameKey(fold(u.Username)))
		return err
	})
	if err == nil && taken != "" {
		ps.Add("username", CodeUsernameTaken)
	}
	return err
}

// checkRegistrationLink returns why somebody with this form may not register.
func (s *Accounts) checkRegistrationLink(kr kv.Reader, r Registration) error {
	switch r.Purpose {
	case PurposeSetup, PurposeInvitation:
		_, _, err := s.findLink(kr, r.Purpose, r.Link)
		return err
	case "":
		open, err := s.settings.registrationOpen(kr)
		if err == nil && !open {
			return problem.New("", CodeRegistrationOff)
		}
		return err
	default:
		return problem.New("", CodeLinkInvalid)
	}
}

// useRegistrationLink does what checkRegistrationLink does, uses the link up, and adds to detail how
// somebody registered.
func (s *Accounts) useRegistrationLink(tx kv.Tx, r Registration, detail map[string]string) error {
	if err := s.checkRegistrationLink(tx, r); err != nil {
		return err
	}
	switch r.Purpose {
	case PurposeSetup:
		detail["by"] = "setup"
		if _, err := s.consumeLink(tx, r.Purpose, r.Link); err != nil {
			return err
		}
		return voidSetupLinks(tx, 0)
	case PurposeInvitation:
		rec, err := s.consumeLink(tx, r.Purpose, r.Link)
		if err != nil {
			return err
		}
		detail["by"], detail["invitation"], detail["invited"] = "invitation", rec.Subject, rec.Email
		inv, err := loadInvitation(tx, rec.Subject)
		if err != nil {
			return err
		}
		return forgetInvitation(tx, inv)
	default:
		detail["by"] = "open"
		return nil
	}
}

// createUser writes an account; its name has to be free.
func (s *Accounts) createUser(tx kv.Tx, u userRecord, hash string) error {
	taken, err := lookup(tx, nameKey(fold(u.Username)))
	if err != nil {
		return err
	}
	if taken != "" {
		return problem.New("username", CodeUsernameTaken)
	}
	if u.Admin {
		if err := tx.Put([]byte(adminKey(u.ID)), []byte(u.ID)); err != nil {
			return err
		}
	}
	if err := tx.Put([]byte(nameKey(fold(u.Username))), []byte(u.ID)); err != nil {
		return err
	}
	if err := s.putSealed(tx, passwordKey(u.ID), []byte(hash)); err != nil {
		return err
	}
	if err := kv.PutJSON(tx, userKey(u.ID), u); err != nil {
		return err
	}
	return s.users.RecordUser(tx, u.ID, u.Username, u.Frozen)
}
