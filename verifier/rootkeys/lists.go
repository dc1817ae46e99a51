package rootkeys

import (
	"encoding/binary"
	"errors"
	"slices"
)

// The projects of a user: the user's own record holds the last ones, and lists of perList each
// hold the others. So joining a project costs the same however many the user has.

const perList = 64

func (w *writer) list(user [16]byte, number uint64) ([][16]byte, error) {
	b, err := w.other(kindList, user[:], binary.BigEndian.AppendUint64(nil, number))
	if err == nil && b == nil {
		err = errMissing(false)
	}
	if err != nil {
		return nil, w.badList(user, err)
	}
	d := newDecoder(b, encoding)
	ids := d.ids()
	if err := d.end(); err != nil {
		return nil, w.badList(user, err)
	}
	return ids, nil
}

func (w *writer) badList(user [16]byte, err error) error {
	if errors.Is(err, ErrDamaged) {
		return err
	}
	return w.s.damaged("the projects of user "+uuidText(user[:]), err)
}

// setList writes a list; nil removes it.
func (w *writer) setList(user [16]byte, number uint64, ids [][16]byte) error {
	var b []byte
	if ids != nil {
		b = appendIDs([]byte{encoding}, ids)
	}
	return w.setOther(b, kindList, user[:], binary.BigEndian.AppendUint64(nil, number))
}

// projectsOf returns all projects that have a user as a member.
func (w *writer) projectsOf(user [16]byte, u *userRecord) (all [][16]byte, err error) {
	for number := range u.lists {
		ids, err := w.list(user, number)
		if err != nil {
			return nil, err
		}
		all = append(all, ids...)
	}
	return append(all, u.projects...), nil
}

// join adds a project to a user's projects; the caller writes the user's record.
func (w *writer) join(user [16]byte, u *userRecord, project [16]byte) error {
	u.projects = append(u.projects, project)
	if len(u.projects) < perList {
		return nil
	}
	err := w.setList(user, u.lists, u.projects)
	u.lists, u.projects = u.lists+1, nil
	return err
}

// leave removes a project from a user's projects; the caller writes the user's record. Every
// list stays full: another project takes the free place.
func (w *writer) leave(user [16]byte, u *userRecord, project [16]byte) error {
	if i := slices.Index(u.projects, project); i >= 0 {
		u.projects = slices.Delete(u.projects, i, i+1)
		return nil
	}
	for number := u.lists; number > 0; number-- {
		ids, err := w.list(user, number-1)
		if err != nil {
			return err
		}
		i := slices.Index(ids, project)
		if i < 0 {
			continue
		}
		if len(u.projects) == 0 {
			u.lists--
			u.projects, err = w.list(user, u.lists)
			if err == nil {
				err = w.setList(user, u.lists, nil)
			}
			if err != nil || number-1 == u.lists {
				u.projects = slices.Delete(ids, i, i+1)
				return err
			}
		}
		last := len(u.projects) - 1
		ids[i], u.projects = u.projects[last], u.projects[:last]
		return w.setList(user, number-1, ids)
	}
	return w.badList(user, errMissing(false))
}

// active tells whether a user is known and not frozen.
func (w *writer) active(user [16]byte) (bool, error) {
	b, err := w.other(kindUser, user[:])
	if err != nil || b == nil {
		return false, err
	}
	d := newDecoder(b, encoding)
	flags := d.flags(userFlags)
	if d.err != nil {
		return false, w.s.damaged("the record of user "+uuidText(user[:]), d.err)
	}
	return flags&(isFrozen|isAbsent) == 0, nil
}
