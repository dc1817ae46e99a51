package rootkeys

import (
	"bytes"
	"errors"
)

// How a writer reads and writes users, projects, names and memberships.

func (w *writer) other(kind byte, parts ...[]byte) ([]byte, error) {
	return w.get(othersTable, w.m.otherID(kind, parts...))
}

// setOther writes a record if it differs.
func (w *writer) setOther(content []byte, kind byte, parts ...[]byte) error {
	id := w.m.otherID(kind, parts...)
	old, err := w.get(othersTable, id)
	if err != nil || bytes.Equal(old, content) && (old == nil) == (content == nil) {
		return err
	}
	w.set(othersTable, id, content)
	return nil
}

// claims reads the record of a name.
func (w *writer) claims(name string) ([]claim, error) {
	b, err := w.other(kindName, []byte(name))
	if err != nil {
		return nil, err
	}
	claims, err := decodeClaims(b)
	if err != nil {
		return nil, w.s.damaged("the record of the project name "+name, err)
	}
	return claims, nil
}

func (w *writer) setClaims(name string, claims []claim) error {
	return w.setOther(encodeClaims(claims), kindName, []byte(name))
}

// projectRecord reads the record of a project, or returns nil if there is none.
func (w *writer) projectRecord(id [16]byte) (*projectRecord, error) {
	b, err := w.other(kindProject, id[:])
	if err != nil || b == nil {
		return nil, err
	}
	p := &projectRecord{}
	if err := p.decode(b); err != nil {
		return nil, w.s.damaged("the record of project "+uuidText(id[:]), err)
	}
	return p, nil
}

// userRecord reads the record of a user, or returns nil if there is none.
func (w *writer) userRecord(id [16]byte) (*userRecord, error) {
	b, err := w.other(kindUser, id[:])
	if err != nil || b == nil {
		return nil, err
	}
	u := &userRecord{}
	if err := u.decode(b); err != nil {
		return nil, w.s.damaged("the record of user "+uuidText(id[:]), err)
	}
	return u, nil
}

// apart reads the members of a project that have records of their own.
func (w *writer) apart(project [16]byte, users [][16]byte) (members, error) {
	all := members{}
	for _, user := range users {
		b, err := w.other(kindMember, project[:], user[:])
		if err != nil {
			return nil, err
		}
		m, err := decodeMember(b)
		if err != nil {
			return nil, w.s.damaged("the record of user "+uuidText(user[:])+" in project "+uuidText(project[:]), err)
		}
		all[user] = m
	}
	return all, nil
}

// membersOf returns the members of a claim's project.
func (w *writer) membersOf(c *claim) (members, error) {
	if !c.apart {
		return c.members, nil
	}
	p, err := w.projectRecord(c.id)
	if err != nil || p == nil {
		return nil, errors.Join(err, w.s.damaged("the record of project "+uuidText(c.id[:]), errMissing(false)))
	}
	return w.apart(c.id, p.apart)
}

// memberOf is a user's membership in a claim's project.
func (w *writer) memberOf(c *claim, user [16]byte) (m member, ok bool, err error) {
	if !c.apart {
		m, ok = c.members[user]
		return m, ok, nil
	}
	b, err := w.other(kindMember, c.id[:], user[:])
	if err != nil || b == nil {
		return m, false, err
	}
	m, err = decodeMember(b)
	return m, err == nil, err
}
