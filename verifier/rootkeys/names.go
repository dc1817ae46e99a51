package rootkeys

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
)

// The record of a name says which projects have it, with their members as long as
// they are few, so that a lookup finds both in one place.

const namesEncoding = 2 // version of the encoding of names' records

// maxListed is how many members stand in the record of the name at most. Those of
// a larger project have records of their own.
const maxListed = 32

// claim is what the record of a name says of one project.
type claim struct {
	id    [16]byte
	apart bool   // its members have records of their own
	role  []byte // of the user who was asked for, if listed
}

// claim reads one project, looking for user among its members.
func (d *decoder) claim(user [16]byte) (c claim) {
	copy(c.id[:], d.bytes(16))
	n := d.uint()
	if n == 0 {
		c.apart = true
		return c
	}
	if n-1 > maxListed {
		d.fail()
	}
	for i := uint64(1); i < n && d.err == nil; i++ {
		id, role := d.bytes(16), d.short(maxText)
		if string(id) == string(user[:]) {
			c.role = role
		}
	}
	return c
}

// encodeClaim is the inverse, for members in any order.
func encodeClaim(id [16]byte, roles map[[16]byte]string) []byte {
	b := append([]byte(nil), id[:]...)
	if len(roles) > maxListed {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(roles))+1)
	users := make([][16]byte, 0, len(roles))
	for user := range roles {
		users = append(users, user)
	}
	slices.SortFunc(users, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	for _, user := range users {
		b = appendText(append(b, user[:]...), roles[user])
	}
	return b
}

// setClaim puts what a name's record says of the project id into content, in place
// of what stands there of it, or takes it away where claim is nil. The result is
// nil where nothing is left.
func setClaim(content []byte, id [16]byte, claim []byte) ([]byte, error) {
	out, there := []byte{namesEncoding}, false
	if content != nil {
		d := newDecoder(content, namesEncoding)
		for d.err == nil && len(d.b) > 0 {
			rest := d.b
			if c := d.claim(id); c.id != id {
				out = append(out, rest[:len(rest)-len(d.b)]...)
				continue
			}
			out, there = append(out, claim...), true
		}
		if err := d.end(); err != nil {
			return nil, err
		}
	}
	if !there {
		out = append(out, claim...)
	}
	if len(out) == 1 {
		return nil, nil
	}
	return out, nil
}

// memberRoles checks a project's members as an issuer tells them.
func memberRoles(members map[string]string) (map[[16]byte]string, error) {
	roles := make(map[[16]byte]string, len(members))
	for user, role := range members {
		id, ok := uuidBytes(user)
		if !ok || role == "" || len(role) > maxText {
			return nil, errors.New("a member of it is no UUID, or has no role")
		}
		roles[id] = role
	}
	return roles, nil
}

// claim changes what the record of a name says of a project.
func (w *writer) claim(name string, id [16]byte, claim []byte) error {
	key := nameKey(name)
	old, err := w.get(key)
	if err != nil {
		return err
	}
	content, err := setClaim(old, id, claim)
	switch {
	case err != nil:
		return w.s.damaged(keyText(key), err)
	case content == nil:
		return w.delete(key)
	case bytes.Equal(content, old):
		return nil
	}
	return w.put(key, content)
}

// apart makes the records of a project's members those, writing only what is
// different.
func (w *writer) apart(project [16]byte, roles map[[16]byte]string) error {
	var gone [][]byte
	prefix := recordKey(kindMember, project)
	same := map[[16]byte]bool{}
	c, k, _, err := w.seek(prefix)
	if err != nil {
		return err
	}
	for ; bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		if err := w.around(k); err != nil {
			return err
		}
		if len(k) != len(prefix)+16 {
			return w.s.damaged(keyText(k), errEncoding)
		}
		user := [16]byte(k[len(prefix):])
		role, ok := roles[user]
		if !ok {
			gone = append(gone, bytes.Clone(k))
			continue
		}
		b, err := w.get(k)
		if err != nil {
			return err
		}
		same[user] = bytes.Equal(b, encodeRole(role))
	}
	for _, k := range gone {
		if err := w.delete(k); err != nil {
			return err
		}
	}
	for user, role := range roles {
		if same[user] {
			continue
		}
		if err := w.put(memberKey(project, user), encodeRole(role)); err != nil {
			return err
		}
	}
	return nil
}
