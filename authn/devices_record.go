package authn

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// deviceRecord is under authn/device/<user id>/<SHA-256 of the cookie>.
type deviceRecord struct {
	ID         string    `json:"id"`
	UserAgent  string    `json:"user_agent,omitempty"`
	IP         string    `json:"ip,omitempty"`
	Since      time.Time `json:"since"`
	Seen       time.Time `json:"seen"`
	Remembered time.Time `json:"remembered,omitzero"`
	Generation uint64    `json:"generation"` // generation of the account when it was last noted; the device is unknown to any other generation
	Expires    time.Time `json:"expires"`
}

const devicePrefix = "authn/device/"

func devicesOf(userID string) string { return devicePrefix + userID + "/" }

func deviceKey(userID string, token Secret) string {
	h := sha256.Sum256([]byte(token))
	return devicesOf(userID) + hex.EncodeToString(h[:])
}

// remembers reports whether the device stands in for a second factor of an account: it does as long as
// neither the password nor the factors have changed.
func (d deviceRecord) remembers(u userRecord, now time.Time) bool {
	return now.Before(d.Remembered) && d.Generation == u.Generation && u.hasFactor() && u.RecoveryConfirmed
}

// locate notes where the device was seen.
func (d *deviceRecord) locate(o Origin, now time.Time) {
	d.Seen, d.UserAgent, d.IP = now.UTC(), o.agent(), o.address()
}

// known reports whether an account knows the browser. Whatever ends the account's sessions makes all
// browsers unknown, because somebody else may have used them.
func (d deviceRecord) known(u userRecord, now time.Time) bool {
	return d.Generation == u.Generation && now.Before(d.Expires)
}

// loadDevice finds the browser of a request among those that an account knows. The ID is "" if it is
// none of them.
func (s *core) loadDevice(r kv.Reader, u userRecord, o Origin) (d deviceRecord, err error) {
	if u.ID == "" || o.Device == "" || len(o.Device) > maxDeviceID {
		return d, nil
	}
	err = kv.GetJSON(r, deviceKey(u.ID, o.Device), &d)
	if errors.Is(err, kv.ErrNotFound) || err == nil && !d.known(u, s.now()) {
		return deviceRecord{}, nil
	}
	return d, err
}

// loadDevices reads all devices of an account with their keys.
func loadDevices(r kv.Reader, userID string) (keys []string, devices []deviceRecord, err error) {
	found, err := kv.All(r, []byte(devicesOf(userID)))
	for _, p := range found {
		var d deviceRecord
		err := json.Unmarshal(p.Value, &d)
		if err != nil {
			return nil, nil, fmt.Errorf("authn: the record %q is damaged: %w", p.Key, err)
		}
		keys, devices = append(keys, string(p.Key)), append(devices, d)
	}
	return keys, devices, err
}

// endOthers ends all sessions, links and known browsers of an account, except the session and the
// browser in which its owner makes a change. That browser asks for a second factor again. The caller
// saves u.
func (s *core) endOthers(tx kv.Tx, u *userRecord, o Origin) error {
	if err := endUndo(tx, *u); err != nil {
		return err
	}
	d, err := s.loadDevice(tx, *u, o)
	u.Generation++
	if err != nil || d.ID == "" {
		return err
	}
	d.Generation, d.Remembered = u.Generation, time.Time{}
	return kv.PutJSON(tx, deviceKey(u.ID, o.Device), d)
}
