package rootkeys

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/rind-dev/rind/caveats"
)

// The record of a name lists the projects that have it, with their members if
// they are few, so that a lookup finds both in one place. Each membership has a number,
// which is never reused. While its bit is set, all of this holds: no other project has
// the name; the user is known and not frozen; user and project have the names that
// they had when the number was given; the role may upload. So a token that has copied these,
// with the number, needs no other record.

// Kinds of records other than tokens; parts of their ids.
const (
	kindUser    = 'u' // id of the user: name, frozen, the projects that have the user, unless they are in lists
	kindProject = 'p' // id of the project: name, deleted, members that have records of their own
	kindName    = 'n' // name of a project: the projects that have it (one, but for a moment)
	kindMember  = 'm' // ids of project and user: role, where the project has many members
	kindList    = 'l' // id of a user and a number: projects that have the user, where they are many
)

// maxListed is the most members that the record of a name lists. The members of
// a larger project have records of their own.
const maxListed = 32

// member is a user's role in a project.
type member struct {
	role   string
	number uint64
}

// uploads tells whether a role may upload. A role that this version doesn't know counts as one
// that may not.
func uploads[T string | []byte](role T) bool {
	return string(role) == "owner" || string(role) == "maintainer"
}

type members map[[16]byte]member

// claim is what the record of a name says about one project.
type claim struct {
	id      [16]byte
	apart   bool // its members have records of their own
	members members
}

// claim reads the head of one project, and how many members follow.
func (d *decoder) claim() (id [16]byte, listed int, apart bool) {
	copy(id[:], d.bytes(16))
	n := d.uint()
	if n > maxListed+1 {
		d.fail()
	}
	return id, int(max(n, 1)) - 1, n == 0
}

func (d *decoder) member() (user, role []byte, number uint64) {
	user = d.bytes(16)
	number = d.uint()
	return user, d.short(maxText), number
}

func decodeClaims(b []byte) (claims []claim, err error) {
	if b == nil {
		return nil, nil
	}
	d := newDecoder(b, encoding)
	for d.err == nil && len(d.b) > 0 {
		c := claim{members: members{}}
		var n int
		c.id, n, c.apart = d.claim()
		for ; n > 0 && d.err == nil; n-- {
			if user, role, number := d.member(); d.err == nil {
				c.members[[16]byte(user)] = member{string(role), number}
			}
		}
		claims = append(claims, c)
	}
	return claims, d.end()
}

func encodeClaims(claims []claim) []byte {
	if len(claims) == 0 {
		return nil
	}
	b := []byte{encoding}
	for _, c := range claims {
		b = append(b, c.id[:]...)
		if c.apart {
			b = append(b, 0)
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(c.members))+1)
		users := make([][16]byte, 0, len(c.members))
		for user := range c.members {
			users = append(users, user)
		}
		slices.SortFunc(users, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
		for _, user := range users {
			m := c.members[user]
			b = appendText(binary.AppendUvarint(append(b, user[:]...), m.number), m.role)
		}
	}
	return b
}

// memberRoles checks a project's members as an issuer sends them.
func memberRoles(given map[string]string) (map[[16]byte]string, error) {
	roles := make(map[[16]byte]string, len(given))
	for user, role := range given {
		id, ok := uuidBytes(user)
		if !ok || role == "" || len(role) > maxText {
			return nil, errors.New("a member of it is no UUID, or has no role")
		}
		roles[id] = role
	}
	return roles, nil
}

func (w *writer) newMember() uint64 {
	n := w.m.members
	w.m.members++
	w.markMember(n, false) // makes the page
	return n
}

var errID = errors.New("its id is no UUID")

func (w *writer) user(u *User) error {
	id, ok := uuidBytes(u.ID)
	if !ok {
		return errID
	}
	if u.Name == "" || len(u.Name) > maxText {
		return errName
	}
	w.copies.forget()
	old, err := w.userRecord(id)
	if err != nil {
		return err
	}
	next := userRecord{name: u.Name}
	if u.Frozen {
		next.flags |= isFrozen
	}
	if old != nil {
		next.lists, next.projects = old.lists, old.projects
		if old.flags == next.flags && old.name == next.name {
			return nil
		}
	}
	if err := w.setOther(next.encode(), kindUser, id[:]); err != nil {
		return err
	}
	renamed := old != nil && old.flags&isAbsent == 0 && old.name != next.name
	projects, err := w.projectsOf(id, &next)
	if err != nil {
		return err
	}
	for _, project := range projects {
		if err := w.userChanged(project, id, !u.Frozen, renamed); err != nil {
			return err
		}
	}
	return nil
}

// userChanged updates the bit of a membership after its user changed.
func (w *writer) userChanged(project, user [16]byte, active, renamed bool) error {
	p, err := w.projectRecord(project)
	if err != nil || p == nil {
		return errors.Join(err, w.s.damaged("the record of project "+uuidText(project[:]), errMissing(p != nil)))
	}
	claims, err := w.claims(p.name)
	if err != nil {
		return err
	}
	for i := range claims {
		c := &claims[i]
		if c.id != project {
			continue
		}
		m, ok, err := w.memberOf(c, user)
		if err != nil || !ok {
			return errors.Join(err, w.s.damaged("the members of project "+uuidText(project[:]), errMissing(ok)))
		}
		if renamed {
			w.markMember(m.number, false)
			m.number = w.newMember()
			if c.apart {
				err = w.setOther(m.encode(), kindMember, project[:], user[:])
			} else {
				c.members[user] = m
				err = w.setClaims(p.name, claims)
			}
			if err != nil {
				return err
			}
		}
		w.markMember(m.number, active && len(claims) == 1 && uploads(m.role))
	}
	return nil
}

var errName = errors.New("its name has not 1 to 1024 bytes, or is not normalized")

func (w *writer) project(p *Project) error {
	id, ok := uuidBytes(p.ID)
	if !ok {
		return errID
	}
	if p.Name == "" || len(p.Name) > maxText || p.Name != caveats.NormalizeProject(p.Name) {
		return errName
	}
	roles, err := memberRoles(p.Members)
	if err != nil {
		return err
	}
	w.copies.forget()
	old, err := w.projectRecord(id)
	if err != nil || old != nil && old.flags&isDeleted != 0 {
		return err // the id of a deleted one is never used again
	}
	if p.Deleted {
		roles = nil
	}
	was, err := w.unclaim(old, id, p.Name)
	if err != nil {
		return err
	}
	now := members{}
	for user, role := range roles {
		m, ok := was[user]
		if !ok || old.name != p.Name {
			m.number = w.newMember()
		}
		m.role = role
		now[user] = m
	}
	for user, m := range was {
		if n, ok := now[user]; !ok || n.number != m.number {
			w.markMember(m.number, false)
		}
	}
	next := projectRecord{name: p.Name}
	if p.Deleted {
		next.flags = isDeleted
	}
	err = w.setMembers(id, old, &next, now)
	if err != nil {
		return err
	}
	if err := w.usersOf(id, was, now); err != nil {
		return err
	}
	if err := w.judge(p.Name, was, now, id); err != nil {
		return err
	}
	if old != nil && old.name != p.Name {
		return w.judge(old.name, nil, nil, [16]byte{})
	}
	return nil
}

// unclaim reads the members that a project had, and removes it from the record of its old
// name if its name changed.
func (w *writer) unclaim(old *projectRecord, id [16]byte, name string) (members, error) {
	if old == nil {
		return nil, nil
	}
	claims, err := w.claims(old.name)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(claims, func(c claim) bool { return c.id == id })
	if at < 0 {
		return nil, w.s.damaged("the record of the project name "+old.name, errMissing(false))
	}
	was, err := w.membersOf(&claims[at])
	if err == nil && old.name != name {
		err = w.setClaims(old.name, slices.Delete(claims, at, at+1))
	}
	return was, err
}

// setMembers writes the records of a project, its name and its members.
func (w *writer) setMembers(id [16]byte, old, next *projectRecord, now members) error {
	claims, err := w.claims(next.name)
	if err != nil {
		return err
	}
	claims = slices.DeleteFunc(claims, func(c claim) bool { return c.id == id })
	c := claim{id: id, apart: len(now) > maxListed, members: now}
	if next.flags&isDeleted == 0 {
		claims = append(claims, c)
	}
	if err := w.setClaims(next.name, claims); err != nil {
		return err
	}
	if c.apart {
		for user, m := range now {
			next.apart = append(next.apart, user)
			if err := w.setOther(m.encode(), kindMember, id[:], user[:]); err != nil {
				return err
			}
		}
		slices.SortFunc(next.apart, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	}
	if old != nil {
		for _, user := range old.apart {
			if _, ok := now[user]; ok && c.apart {
				continue
			}
			if err := w.setOther(nil, kindMember, id[:], user[:]); err != nil {
				return err
			}
		}
	}
	return w.setOther(next.encode(), kindProject, id[:])
}

// usersOf updates the records of the users who joined or left a project.
func (w *writer) usersOf(project [16]byte, was, now members) error {
	for user := range was {
		if _, ok := now[user]; ok {
			continue
		}
		u, err := w.userRecord(user)
		if err != nil || u == nil {
			return errors.Join(err, w.s.damaged("the record of user "+uuidText(user[:]), errMissing(u != nil)))
		}
		if err := w.leave(user, u, project); err != nil {
			return err
		}
		if err := w.setOther(u.encode(), kindUser, user[:]); err != nil {
			return err
		}
	}
	for user := range now {
		if _, ok := was[user]; ok {
			continue
		}
		u, err := w.userRecord(user)
		if err != nil {
			return err
		}
		if u == nil {
			u = &userRecord{flags: isAbsent}
		}
		if err := w.join(user, u, project); err != nil {
			return err
		}
		if err := w.setOther(u.encode(), kindUser, user[:]); err != nil {
			return err
		}
	}
	return nil
}

// judge sets the bits of all members of the projects that have a name. If a single project
// has the name and had it before, judge skips members who did not change from was to now.
func (w *writer) judge(name string, was, now members, id [16]byte) error {
	claims, err := w.claims(name)
	if err != nil {
		return err
	}
	for i := range claims {
		all, err := w.membersOf(&claims[i])
		if err != nil {
			return err
		}
		for user, m := range all {
			if len(claims) == 1 && claims[0].id == id && was[user] == m && was != nil && w.m.holds(m.number) {
				continue
			}
			holds := false
			if len(claims) == 1 && uploads(m.role) {
				holds, err = w.active(user)
				if err != nil {
					return err
				}
			}
			w.markMember(m.number, holds)
		}
	}
	return nil
}
