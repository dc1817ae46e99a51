package notices

import (
	"errors"
	"slices"

	"github.com/rind-dev/rind/internal/kv"
)

func offKey(user string) string { return "notices/off/" + user }

// Off lists the kinds that a user does not want, in the order of Kinds.
func Off(r kv.Reader, user string) ([]Kind, error) {
	var off []Kind
	err := kv.GetJSON(r, offKey(user), &off)
	if errors.Is(err, kv.ErrNotFound) {
		return nil, nil
	}
	return off, err
}

// SetOff stores off as the kinds that a user does not want, and tells whether the
// choice has changed. It drops kinds that can't be switched off, and unknown kinds.
// The caller writes the audit row.
func SetOff(tx kv.Tx, user string, off []Kind) (changed bool, err error) {
	var chosen []Kind
	for _, i := range kinds {
		if !i.Always && slices.Contains(off, i.Kind) {
			chosen = append(chosen, i.Kind)
		}
	}
	before, err := Off(tx, user)
	if err != nil || slices.Equal(before, chosen) {
		return false, err
	}
	if len(chosen) == 0 {
		return true, tx.Delete([]byte(offKey(user)))
	}
	return true, kv.PutJSON(tx, offKey(user), chosen)
}

// wanted tells whether a user wants notices of a kind.
func wanted(r kv.Reader, user string, i Info) (bool, error) {
	if i.Always {
		return true, nil
	}
	off, err := Off(r, user)
	return !slices.Contains(off, i.Kind), err
}
