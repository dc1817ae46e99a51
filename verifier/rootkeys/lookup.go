package rootkeys

import (
	"context"
	"errors"
	"fmt"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier"
)

var _ verifier.Store = (*Store)(nil)

// Lookup implements verifier.Store: it reads the token, its owner and the
// project in one read transaction, which is kept for the next call. Its errors are verifier.ErrUnknownToken,
// ErrFilling, ErrDamaged, or what the file or the context said.
func (s *Store) Lookup(ctx context.Context, tokenID, project string) (verifier.Record, error) {
	if err := ctx.Err(); err != nil {
		return verifier.Record{}, fmt.Errorf("rootkeys: look up a token: %w", err)
	}
	id, ok := uuidBytes(tokenID)
	if !ok {
		return verifier.Record{}, verifier.ErrUnknownToken // Apply takes no other id
	}
	var rec verifier.Record
	err := s.read(func(r *reader) error { return s.lookup(r, &rec, id, project) })
	if err != nil {
		return verifier.Record{}, fmt.Errorf("rootkeys: look up a token: %w", err)
	}
	return rec, nil
}

func (s *Store) lookup(r *reader, rec *verifier.Record, id [16]byte, project string) error {
	if s.state.Load().diverged {
		return errOtherHistory
	}
	if r.filling {
		return ErrFilling
	}
	if project == "" || len(project) > maxText { // of these there is no project
		return s.lookupFile(r, rec, id, "", 0)
	}
	about := s.hash(project)
	hash := mixed(about, id)
	if a := s.answers.recall(r, r.answers, hash, id); a != nil && a.rec.Project.Name == project {
		*rec = a.rec
		return nil
	}
	if err := s.lookupFile(r, rec, id, project, about); err != nil {
		return err
	}
	if rec.Project.Name == project && s.answers.again(r, hash) {
		s.answers.note(r.answers, hash, id, &answer{*rec})
	}
	return nil
}

// lookupFile reads the record of a token, and what is not remembered of its owner and
// the project.
func (s *Store) lookupFile(r *reader, rec *verifier.Record, id [16]byte, project string, about uint64) error {
	sealed, err := s.find(r, kindToken, id[:], nil)
	if err != nil {
		return err
	}
	if sealed == nil {
		return verifier.ErrUnknownToken
	}
	content, err := s.openFound(r, make([]byte, 0, len(sealed)), sealed) // its caveats are the caller's
	if err != nil {
		return err
	}
	user, err := decodeToken(rec, content, r.location)
	if err != nil {
		return s.damaged(keyText(r.key()), err)
	}
	r.location = rec.Location
	if project == "" {
		c, err := s.standing(r, user, "")
		if err == nil {
			c.complete(rec)
		}
		return err
	}
	if c := s.standings.recall(r, r.standings, about, user); c != nil && c.isOf(project) {
		c.complete(rec)
		return nil
	}
	c, err := s.standing(r, user, project)
	if err != nil {
		return err
	}
	c.complete(rec)
	if rec.Project.Name != "" && s.standings.again(r, mixed(about, user)) {
		s.standings.note(r.standings, about, user, c)
	}
	return nil
}

// standing reads a token's owner and the project, if it is about one.
func (s *Store) standing(r *reader, user [16]byte, project string) (*standing, error) {
	c := &standing{}
	r.text = appendUUID(r.text[:0], user[:])
	if err := s.owner(r, c, user); err != nil {
		return nil, err
	}
	if project != "" {
		if err := s.project(r, c, user, project); err != nil {
			return nil, err
		}
	}
	c.setText(r.text)
	return c, nil
}

// owner reads the token's owner, and appends the name to r.text.
func (s *Store) owner(r *reader, c *standing, user [16]byte) error {
	content, err := s.read1(r, kindUser, user[:], nil)
	if err != nil {
		return err
	}
	if content == nil {
		return s.damaged(keyText(r.key()), errors.New("it is missing"))
	}
	d := newDecoder(content, encoding)
	flags, name := d.flags(), d.short(maxText)
	if err := d.end(); err != nil {
		return s.damaged(keyText(r.key()), err)
	}
	c.frozen = flags&isFrozen != 0
	r.text = append(r.text, name...)
	c.names = uint16(len(r.text))
	return nil
}

// project reads what the store knows of the project that has the name now, and
// appends its id and name to r.text.
func (s *Store) project(r *reader, c *standing, user [16]byte, name string) error {
	content, err := s.read1(r, kindName, nil, []byte(name))
	if err != nil || content == nil {
		return err
	}
	d := newDecoder(content, namesEncoding)
	p := d.claim(user)
	if n := 1; d.err == nil && len(d.b) > 0 {
		for ; d.err == nil && len(d.b) > 0; n++ {
			d.claim(user)
		}
		if d.err == nil {
			return fmt.Errorf("%w: it has %d projects called %s until the issuer's next change", ErrFilling, n, name)
		}
	}
	if err := d.end(); err != nil {
		return s.damaged(keyText(r.key()), err)
	}
	r.text = append(appendUUID(r.text, p.id[:]), name...)
	if p.apart {
		if p.role, err = s.roleApart(r, p.id, user); err != nil {
			return err
		}
	}
	// A role that this version does not know may be one that uploads nothing.
	c.member = string(p.role) == "owner" || string(p.role) == "maintainer"
	c.archived = string(p.role) == feed.RoleArchived
	return nil
}

// roleApart reads the role of a member who has a record; nil where there is none.
func (s *Store) roleApart(r *reader, project, user [16]byte) ([]byte, error) {
	content, err := s.read1(r, kindMember, project[:], user[:])
	if err != nil || content == nil {
		return nil, err
	}
	d := newDecoder(content, encoding)
	role := d.short(maxText)
	if err := d.end(); err != nil {
		return nil, s.damaged(keyText(r.key()), err)
	}
	return role, nil
}

// recordsName is what the associated data of a record begin with; its key follows.
const recordsName = "records/"

// key is that of the record that was looked for last.
func (r *reader) key() []byte { return r.name[len(recordsName):] }

// find looks for a record; it is nil where there is none.
func (s *Store) find(r *reader, kind byte, id, more []byte) (sealed []byte, err error) {
	r.name = append(append(r.name[:0], recordsName...), kind)
	r.name = append(append(r.name, id...), more...)
	v, isBucket, err := r.records.find(r.key())
	switch {
	case err != nil:
		return nil, s.damaged(keyText(r.key()), err)
	case v == nil:
		return nil, s.checkGap(r)
	case isBucket:
		return []byte{}, nil // what is no value does not open
	}
	return v, nil
}

// openFound opens what find found and appends it to dst.
func (s *Store) openFound(r *reader, dst, sealed []byte) ([]byte, error) {
	b, err := r.sealer.OpenBytes(dst, sealed, r.name)
	if err != nil {
		return nil, s.damaged(keyText(r.key()), err)
	}
	return b, nil
}

// read1 finds a record and opens it into r's memory, where it is good until the next
// one; it is nil where there is none.
func (s *Store) read1(r *reader, kind byte, id, more []byte) ([]byte, error) {
	sealed, err := s.find(r, kind, id, more)
	if err != nil || sealed == nil {
		return nil, err
	}
	if r.opened, err = s.openFound(r, r.opened[:0], sealed); err != nil {
		return nil, err
	}
	return r.opened, nil
}

func recordKey(kind byte, id [16]byte) []byte {
	return append([]byte{kind}, id[:]...)
}

func memberKey(project, user [16]byte) []byte {
	return append(recordKey(kindMember, project), user[:]...)
}

func nameKey(name string) []byte {
	return append([]byte{kindName}, name...)
}
