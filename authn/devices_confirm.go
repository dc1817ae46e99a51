package authn

import (
	"context"
	"net/netip"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// A code can be phished: whoever has the password and a code of an authenticator, or a recovery code,
// may be somebody else in another place. So in a browser and on a network that the account does not
// know, such a factor leads to StageDevice only, and a mailed link completes the sign-in. The link
// works only in that browser, so an owner who follows it opens the door for nobody else. A security
// key needs none of this.

func deviceSlot(x Session) string { return "authn/link-of/device/" + x.ID }

// askDevice moves a Session to StageDevice and mails the link that completes the sign-in, if the
// second factor could have been phished and the account does not know the place. With ErrMail the
// factor counts as not given.
func (s *Devices) askDevice(tx kv.Tx, x Session, next *Session, u userRecord, o Origin, f Factor) error {
	if !s.confirmDevices || !x.partial() || f == FactorWebAuthn {
		return nil
	}
	known, err := s.knowsPlace(tx, u, o)
	if err != nil || known {
		return err
	}
	text, key, link := s.newLink(PurposeDevice, u.ID, u.Email)
	link.Session, link.Generation = x.ID, u.Generation
	if err := replaceLink(tx, deviceSlot(x), key, link); err != nil {
		return err
	}
	next.Stage = StageDevice
	err = s.notifier.Link(tx, LinkMail{
		Purpose: PurposeDevice, To: u.recipient(), Link: text, Expires: link.Expires, About: Event{s.now().UTC(), o},
	})
	if err != nil {
		return err
	}
	return s.record(tx, u.ID, audit.Event{Kind: rowDeviceAsked, Actor: o.actor(u, f)})
}

// knowsPlace reports whether the account knows the browser of a request, or the network.
func (s *Devices) knowsPlace(r kv.Reader, u userRecord, o Origin) (bool, error) {
	d, err := s.loadDevice(r, u, o)
	if err != nil || d.ID != "" {
		return true, err
	}
	_, all, err := loadDevices(r, u.ID)
	if err != nil || !o.IP.IsValid() {
		return false, err
	}
	for _, d := range all {
		ip, err := netip.ParseAddr(d.IP)
		if err == nil && network(ip) == network(o.IP) && d.known(u, s.now()) {
			return true, nil
		}
	}
	return false, nil
}

// Confirm uses up the link that was mailed for a Session at StageDevice, and moves that very Session
// on. For any other Session the link stays good, and the problem is device_elsewhere. Its other
// problems are those of links.
func (s *Devices) Confirm(ctx context.Context, x Session, o Origin, link Secret) (Session, error) {
	next := x
	err := s.exempt.Update(ctx, func(tx kv.Tx) error {
		rec, u, err := s.findDeviceLink(tx, x, link)
		if err != nil {
			return err
		}
		if _, err := s.consumeLink(tx, PurposeDevice, link); err != nil {
			return err
		}
		if err := replaceLink(tx, deviceSlot(x), "", rec); err != nil {
			return err
		}
		next = x
		next.Stage = StageEnrolling
		if u.RecoveryConfirmed {
			next.Stage = StageSignedIn
		}
		err = s.recoveries.noteFactorGiven(tx, &u, next, o)
		if err != nil {
			return err
		}
		return s.saveUser(tx, u, audit.Event{Kind: rowDeviceConfirmed, Actor: o.actor(u, x.Factor)})
	})
	if err != nil {
		return Session{}, err
	}
	return next, nil
}

// CheckLink looks at the link of Devices.Confirm without using it up.
func (s *Devices) CheckLink(ctx context.Context, x Session, link Secret) error {
	return s.store.View(ctx, func(r kv.Reader) error {
		_, _, err := s.findDeviceLink(r, x, link)
		return err
	})
}

func (s *Devices) findDeviceLink(r kv.Reader, x Session, link Secret) (linkRecord, userRecord, error) {
	_, rec, err := s.findLink(r, PurposeDevice, link)
	if err != nil {
		return rec, userRecord{}, err
	}
	if x.Stage != StageDevice || rec.Session != x.ID || rec.Subject != x.UserID {
		return rec, userRecord{}, problem.New("", CodeDeviceElsewhere)
	}
	u, err := s.sessionAccount(r, x)
	return rec, u, err
}
