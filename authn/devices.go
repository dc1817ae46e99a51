package authn

import (
	"cmp"
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

const (
	maxDevices  = 50 // per account; the one that was not seen for longest gives way
	maxDeviceID = 64 // longest cookie, in bytes, that is looked at
)

// Devices are the browsers that accounts know.
type Devices struct {
	*core
	recoveries     *Recoveries
	confirmDevices bool // see Config.ConfirmDevices
}

// Device is a browser in which somebody signed in with a second factor.
type Device struct {
	ID         string // names it; not the cookie, not secret
	UserAgent  string
	IP         string    // of the last sign-in; "" unknown
	Since      time.Time // first sign-in
	Seen       time.Time // last sign-in
	Remembered time.Time // until then it stands in for a second factor; zero: it does not
	Current    bool      // the browser of this request
}

// Note makes the browser of a request known to the account; with remember, the browser also stands in
// for a second factor for RememberLife. x is a SignedIn Session in which a factor was given, and with
// remember a fresh one. The returned token is for the cookie. It is new each time, so an earlier
// cookie is worth nothing afterwards. The owner gets a mail if the browser was not known and others
// are.
func (s *Devices) Note(ctx context.Context, x Session, o Origin, remember bool) (Secret, error) {
	token, id := Secret(rand.Text()), uuid.Must(uuid.NewV7()).String()
	err := s.exempt.Update(ctx, func(tx kv.Tx) error {
		u, err := s.signedInAccount(tx, x)
		if err != nil {
			return err
		}
		if x.FactorAt.IsZero() || x.Factor == FactorRemembered || remember && !x.FactorFresh(s.now()) {
			return ErrFactorStale
		}
		old, err := s.loadDevice(tx, u, o)
		if err != nil {
			return err
		}
		others, err := s.makeRoomForDevice(tx, u.ID)
		if err != nil {
			return err
		}
		if old.ID == "" && others {
			if err := s.notify(tx, u, o.actor(u, x.Factor), notices.NewDevice, notices.Details{}); err != nil {
				return err
			}
		}
		d := deviceRecord{ID: id, Since: old.Since, Generation: u.Generation, Expires: s.now().Add(DeviceLife).UTC()}
		d.locate(o, s.now())
		if old.ID == "" {
			d.Since = d.Seen
		} else if err := tx.Delete([]byte(deviceKey(u.ID, o.Device))); err != nil {
			return err
		}
		err = s.rememberDevice(tx, u, x, o, &d, remember)
		if err != nil {
			return err
		}
		return kv.PutJSON(tx, deviceKey(u.ID, token), d)
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// rememberDevice makes a device a remembered one, with its row.
func (s *Devices) rememberDevice(tx kv.Tx, u userRecord, x Session, o Origin, d *deviceRecord, remember bool) error {
	if !remember {
		return nil
	}
	d.Remembered = s.now().Add(RememberLife).UTC()
	return s.record(tx, u.ID, audit.Event{Kind: rowDeviceRemembered, Actor: o.actor(u, x.Factor)})
}

// makeRoomForDevice deletes the oldest device of an account that has maxDevices, and reports whether
// the account has any.
func (s *Devices) makeRoomForDevice(tx kv.Tx, userID string) (some bool, err error) {
	keys, devices, err := loadDevices(tx, userID)
	if err != nil || len(devices) < maxDevices {
		return len(devices) > 0, err
	}
	oldest := 0
	for i, d := range devices {
		if d.Seen.Before(devices[oldest].Seen) {
			oldest = i
		}
	}
	return true, tx.Delete([]byte(keys[oldest]))
}

// List lists the browsers that the account knows, the most recently seen first.
func (s *Devices) List(ctx context.Context, x Session, o Origin) (out []Device, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		out = nil
		u, err := s.signedInAccount(r, x)
		if err != nil {
			return err
		}
		here, err := s.loadDevice(r, u, o)
		if err != nil {
			return err
		}
		_, all, err := loadDevices(r, u.ID)
		for _, d := range all {
			if !d.known(u, s.now()) {
				continue
			}
			shown := Device{ID: d.ID, UserAgent: d.UserAgent, IP: d.IP, Since: d.Since, Seen: d.Seen, Current: d.ID == here.ID}
			if d.remembers(u, s.now()) {
				shown.Remembered = d.Remembered
			}
			out = append(out, shown)
		}
		return err
	})
	slices.SortFunc(out, func(a, b Device) int { return cmp.Or(b.Seen.Compare(a.Seen), cmp.Compare(b.ID, a.ID)) })
	return out, err
}

// Forget makes a browser unknown to the account: it asks for a second factor again. The sessions in it
// go on. ErrNotFound says that the account has no such device.
func (s *Devices) Forget(ctx context.Context, x Session, o Origin, id string) error {
	return s.exempt.Update(ctx, func(tx kv.Tx) error {
		u, err := s.signedInAccount(tx, x)
		if err != nil {
			return err
		}
		keys, devices, err := loadDevices(tx, u.ID)
		if err != nil {
			return err
		}
		for i, d := range devices {
			if d.ID != id {
				continue
			}
			if err := tx.Delete([]byte(keys[i])); err != nil {
				return err
			}
			return s.record(tx, u.ID, audit.Event{Kind: rowDeviceForgotten, Actor: o.actor(u, x.Factor)})
		}
		return ErrNotFound
	})
}

// onDevice moves a Session past the password if the device stands in for the second factor, and notes
// that the device was seen. Such a Session is never fresh for a sensitive action.
func (s *Devices) onDevice(tx kv.Tx, x Session, o Origin, u userRecord) (Session, error) {
	d, err := s.loadDevice(tx, u, o)
	if err != nil || x.Stage != StagePassword || !d.remembers(u, s.now()) {
		return x, err
	}
	d.locate(o, s.now())
	x.Stage, x.Factor = StageSignedIn, FactorRemembered
	return x, kv.PutJSON(tx, deviceKey(u.ID, o.Device), d)
}
