package rootkeys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"time"
	"unsafe"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/scratch"
	"github.com/rind-dev/rind/verifier"
)

var _ verifier.Store = (*Store)(nil)

// Lookup implements verifier.Store: it reads the token, its owner and the
// project in one read transaction, which is kept for the next call. It returns
// verifier.ErrUnknownToken, ErrFilling, ErrOtherHistory, ErrDamaged, or an error of the
// file or the context.
func (s *Store) Lookup(ctx context.Context, tokenID, project string) (verifier.Record, error) {
	var rec verifier.Record
	err := s.lookupInto(ctx, &rec, tokenID, project, &scratch.Memory{})
	return rec, err
}

// LookupInto is for package verifier: it returns a Lookup into memory that is used again.
// It returns nil if store is not s itself but something that embeds s.
func (s *Store) LookupInto(store verifier.Store) func(context.Context, *verifier.Record, string, string, *scratch.Memory) error {
	if store != verifier.Store(s) {
		return nil
	}
	return s.lookupInto
}

func (s *Store) lookupInto(ctx context.Context, rec *verifier.Record, tokenID, project string, m *scratch.Memory) error {
	*rec = verifier.Record{}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("rootkeys: look up a token: %w", err)
	}
	id, ok := uuidBytes(tokenID)
	if !ok {
		return verifier.ErrUnknownToken // Apply takes no other id
	}
	err := s.read(ctx, func(r *reader) error { return s.lookup(r, rec, m, id, project) })
	if err != nil {
		*rec = verifier.Record{}
		if errors.Is(err, verifier.ErrUnknownToken) {
			return errUnknown
		}
		return fmt.Errorf("rootkeys: look up a token: %w", err)
	}
	return nil
}

func (s *Store) lookup(r *reader, rec *verifier.Record, m *scratch.Memory, id recordID, project string) error {
	switch {
	case s.diverged.Load():
		return errOtherHistory
	case r.m.filling():
		return ErrFilling
	}
	content, err := s.find(r, tokensTable, &id, m.Content[:0]) // its caveats are the caller's
	if err != nil {
		return err
	}
	if content == nil {
		return errUnknown
	}
	if need := len(content) + len(id); cap(m.Content) < need {
		m.Content = make([]byte, 0, 2*need)
	}
	t := &r.token
	t.list = m.List
	err = t.decode(content)
	m.List = t.list
	if err != nil {
		return s.damaged("the record of token "+uuidText(id[:]), err)
	}
	if string(t.location) != r.location {
		r.location = string(t.location)
	}
	t.record(rec, r.location)
	if len(project) > maxText { // no project has such a name
		project = ""
	}
	if t.flags&hasCopy != 0 && string(t.copied.name) == project && r.m.holds(t.copied.member) {
		t.fromCopy(rec, project)
		m.Span = t.span
		return nil
	}
	return s.standing(r, rec, t, project)
}

// errUnknown is what the lookup of an unknown token returns, made once.
var errUnknown = fmt.Errorf("rootkeys: look up a token: %w", verifier.ErrUnknownToken)

// record fills in what the token's own record says.
func (t *tokenRecord) record(rec *verifier.Record, location string) {
	rec.Location, rec.Signature = location, t.signature
	rec.Restrictions, rec.Caveats = t.restrictions(), t.issued()
	rec.Registers = t.flags&registers != 0
	rec.Job = t.flags&isJob != 0
	if t.flags&hasExpiry != 0 {
		rec.ExpiresAt = time.UnixMilli(t.expires)
	}
	if t.flags&isRevoked != 0 {
		rec.RevokedAt, rec.RevokedWhy = time.UnixMilli(t.revoked), string(t.why)
	}
}

// fromCopy fills in the rest from what the token has copied.
func (t *tokenRecord) fromCopy(rec *verifier.Record, project string) {
	var buf [2*uuidLen + 64]byte
	b := appendUUID(appendUUID(buf[:0], t.user[:]), t.copied.project[:])
	text := string(append(b, t.copied.user...))
	rec.UserID, rec.UserName = text[:uuidLen], text[2*uuidLen:]
	rec.Project = verifier.Project{ID: text[uuidLen : 2*uuidLen], Name: project, Member: true}
}

const uuidLen = 36

// standing reads a token's owner, and the project if the lookup names one.
func (s *Store) standing(r *reader, rec *verifier.Record, t *tokenRecord, project string) error {
	rec.UserID = uuidText(t.user[:])
	content, err := s.other(r, "user "+rec.UserID, kindUser, t.user[:])
	if err != nil {
		return err
	}
	d := newDecoder(content, encoding)
	flags, name := d.flags(userFlags), d.short(maxText)
	if d.err != nil || content == nil || flags&isAbsent != 0 {
		return s.damaged("the record of user "+rec.UserID, errors.Join(d.err, errMissing(content != nil && flags&isAbsent == 0)))
	}
	rec.UserName, rec.UserFrozen = string(name), flags&isFrozen != 0
	if project == "" {
		return nil
	}
	return s.project(r, rec, t.user, project)
}

// project reads what the store knows about the project that has the name now.
func (s *Store) project(r *reader, rec *verifier.Record, user [16]byte, name string) error {
	content, err := s.other(r, "project name "+name, kindName, []byte(name))
	if err != nil || content == nil {
		return err
	}
	d := newDecoder(content, encoding)
	id, listed, apart := d.claim()
	var role []byte
	for ; listed > 0 && d.err == nil; listed-- {
		if who, its, _ := d.member(); d.err == nil && [16]byte(who) == user {
			role = its
		}
	}
	switch {
	case d.err != nil:
		return s.damaged("the record of the project name "+name, d.err)
	case len(d.b) > 0:
		return fmt.Errorf("%w: it has several projects called %s until the issuer's next change", ErrFilling, name)
	}
	role = bytes.Clone(role)
	if apart {
		role, err = s.roleApart(r, id, user)
		if err != nil {
			return err
		}
	}
	only := string(role) == feed.RolePublishers
	rec.Project = verifier.Project{
		ID: uuidText(id[:]), Name: name, Member: uploads(role) || only && rec.Job, JobsOnly: only,
		Archived: string(role) == feed.RoleArchived, Quarantined: string(role) == feed.RoleQuarantined,
	}
	return nil
}

// roleApart reads the role of a member from a record of its own, or returns nil if none exists.
func (s *Store) roleApart(r *reader, project, user [16]byte) ([]byte, error) {
	content, err := s.other(r, "a member of project "+uuidText(project[:]), kindMember, project[:], user[:])
	if err != nil || content == nil {
		return nil, err
	}
	m, err := decodeMember(content)
	if err != nil {
		return nil, s.damaged("the record of user "+uuidText(user[:])+" in project "+uuidText(project[:]), err)
	}
	return []byte(m.role), nil
}

// other opens a record that isn't a token into r's memory, where it is valid until the next
// one; it returns nil if the record doesn't exist.
func (s *Store) other(r *reader, what string, kind byte, parts ...[]byte) ([]byte, error) {
	id := r.m.otherID(kind, parts...)
	if cap(r.other) == 0 {
		r.other = make([]byte, 0, 1<<10)
	}
	content, err := s.find(r, othersTable, &id, r.other)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return content, nil
}

// find opens a record and appends its content to dst; it returns nil if the record doesn't
// exist. It looks first where it last saw the record, then where it last saw the chunk, and
// otherwise searches the tree.
func (s *Store) find(r *reader, table int, id *recordID, dst []byte) ([]byte, error) {
	t, sealer := &r.m.tables[table], r.m.file.sealer
	n := t.block(id)
	if n < 0 {
		return nil, nil
	}
	b := t.blocks[n]
	known := r.locations != nil && table == tokensTable
	if known {
		if content := r.open(dst, b, id); content != nil {
			return content, nil
		}
	}
	i := b.find(id)
	e := &b.entries[i]
	r.place = placeOf(tableKinds[table], b.key(i), e.stamp, 0)
	hint := e.hint.Load()
	content, err := r.chunks.find(dst, r.chunk(hint), sealer, &r.place, id)
	if err != nil {
		key := fileKey(tableKinds[table], b.key(i))
		v, isBucket, err := r.records.find(key[:])
		if err != nil || v == nil || isBucket {
			return nil, s.damaged(keyText(key[:]), errors.Join(err, errMissing(v != nil && !isBucket)))
		}
		content, err = r.chunks.find(dst, v, sealer, &r.place, id)
		if err != nil {
			return nil, s.damaged(keyText(key[:]), err)
		}
		hint = r.records.hint(v)
		e.hint.Store(hint)
	}
	if at := r.chunks.at; known && hint > 0 && at.size > 0 {
		at.chunk, at.entry = hint, uint16(i)
		r.locations.put(id, at)
	}
	return content, nil
}

// open is find for a token whose location is remembered; nil proves nothing.
func (r *reader) open(dst []byte, b *block, id *recordID) []byte {
	at := r.locations.find(id)
	from, begin, end := r.chunk(at.chunk), int(at.begin), int(at.begin)+int(at.size)
	if at.size == 0 || end > len(from) || int(at.entry) >= len(b.entries) {
		return nil
	}
	r.place = placeOf(kindTokens, b.key(int(at.entry)), b.entries[at.entry].stamp, 0)
	return r.chunks.one(dst, from[begin:end], r.m.file.sealer, &r.place, int(at.rank), id)
}

// chunk returns what is now where a hint says that a chunk was, or nil if the hint leads nowhere.
func (r *reader) chunk(hint uint32) []byte {
	at := int(hint) * chunkAlign
	if at == 0 || at >= len(r.records.data) {
		return nil
	}
	return r.records.data[at:]
}

// hint is where a value is in the memory map, in units of chunkAlign: 0 if that doesn't fit
// into 32 bits, as beyond 32 GB, and for values that are not aligned.
func (t *tree) hint(v []byte) uint32 {
	at := uintptr(unsafe.Pointer(unsafe.SliceData(v))) - uintptr(unsafe.Pointer(unsafe.SliceData(t.data)))
	if at%chunkAlign != 0 || at/chunkAlign > math.MaxUint32 {
		return 0
	}
	return uint32(at / chunkAlign)
}
