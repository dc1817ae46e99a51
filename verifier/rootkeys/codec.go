package rootkeys

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/scratch"
)

// Limits of what a record may hold, enforced on writing and on reading.
const (
	maxText         = 1 << 10 // bytes of a name, location or reason
	maxRestrictions = token.MaxCaveats
)

const encoding = 1 // version of the encodings below

// Flags of records.
const (
	hasExpiry = 1 << iota // token
	isRevoked             // token
	isFrozen              // user
	isDeleted             // project
	isAbsent              // user: a project has the user, and nothing else is known
	hasCopy               // token
	hasSpan               // token, with a copy: its caveats ask for what was copied, and the time
	registers             // token: it may register projects

	isJob = isFrozen // token: it was minted for a job; what the bit says of a user is another matter

	tokenFlags   = hasExpiry | isRevoked | hasCopy | hasSpan | registers | isJob
	userFlags    = isFrozen | isAbsent
	projectFlags = isDeleted
)

var errEncoding = errors.New("its content makes no sense")

// state is the position of a store, and the revision before which it can't answer.
type state struct {
	Position
	fill     uint64 // the issuer's revision when the store began to follow it
	diverged bool   // the issuer is known to have another history
}

func (s *state) filling() bool { return s.Issuer == "" || s.Revision < s.fill }

func (s *state) encode() []byte {
	b := appendText([]byte{encoding}, s.Issuer)
	b = binary.AppendUvarint(b, s.Epoch)
	b = binary.AppendUvarint(b, s.Revision)
	b = binary.AppendUvarint(b, s.fill)
	b = append(b, s.Chain[:]...)
	if s.diverged {
		return append(b, 1)
	}
	return append(b, 0)
}

func decodeState(b []byte) (*state, error) {
	d := newDecoder(b, encoding)
	s := &state{}
	s.Issuer = d.text()
	s.Epoch, s.Revision, s.fill = d.uint(), d.uint(), d.uint()
	copy(s.Chain[:], d.bytes(len(s.Chain)))
	switch v := d.uint(); v {
	case 0, 1:
		s.diverged = v == 1
	default:
		d.fail()
	}
	return s, d.end()
}

// copied is what a token's record has copied from its owner and the one project
// that it is for. It is valid as long as the bit of the membership is set.
type copied struct {
	member  uint64 // number of the membership
	project [16]byte
	name    []byte // of the project
	user    []byte // name of the owner
}

// appendToken encodes a checked token, with a copy if there is one.
func appendToken(b []byte, t *Token, user [16]byte, c *newCopy) []byte {
	var flags byte
	if !t.ExpiresAt.IsZero() {
		flags |= hasExpiry
	}
	if !t.RevokedAt.IsZero() {
		flags |= isRevoked
	}
	if t.Registers {
		flags |= registers
	}
	if t.Job {
		flags |= isJob
	}
	var span scratch.Span
	if c != nil {
		flags |= hasCopy
		var ok bool
		span, ok = spanOf(t, c)
		if ok {
			flags |= hasSpan
		}
	}
	b = append(b, encoding, flags)
	b = append(append(b, user[:]...), t.Signature...)
	b = appendText(b, t.Location)
	if c != nil {
		b = append(binary.AppendUvarint(b, c.member), c.project[:]...)
		b = appendBytes(appendBytes(b, c.name), c.user)
	}
	if flags&hasSpan != 0 {
		b = binary.AppendVarint(binary.AppendVarint(b, span.Begin), span.End)
	}
	if flags&hasExpiry != 0 {
		b = binary.AppendVarint(b, t.ExpiresAt.UnixMilli())
	}
	if flags&isRevoked != 0 {
		b = binary.AppendVarint(b, t.RevokedAt.UnixMilli())
		b = appendText(b, t.RevokedWhy)
	}
	b = binary.AppendUvarint(b, uint64(len(t.Restrictions)))
	for _, c := range t.Restrictions {
		b = appendBytes(b, c)
	}
	b = append(b, byte(len(t.Caveats)))
	for _, c := range t.Caveats {
		b = append(appendBytes(append(b, caveatField), c), caveatEnd)
	}
	return b
}

// A record holds the issued caveats in the same form as the bytes of a token (see
// package token): a field of this type for each, and an end mark.
const (
	caveatField = 2
	caveatEnd   = 0
)

func checkToken(t *Token) (user [16]byte, err error) {
	user, ok := uuidBytes(t.UserID)
	switch {
	case !ok:
		return user, errors.New("its owner is no UUID")
	case t.Location == "" || len(t.Location) > maxText || len(t.RevokedWhy) > maxText:
		return user, fmt.Errorf("its location is missing, or a text is over %d bytes", maxText)
	case len(t.Signature) != 32 || [32]byte(t.Signature) == [32]byte{}:
		return user, errors.New("it has no signature of 32 bytes")
	case len(t.Caveats) == 0 || len(t.Caveats) > token.MaxCaveats || len(t.Restrictions) > maxRestrictions:
		return user, fmt.Errorf("it has not 1 to %d caveats, or over %d restrictions", token.MaxCaveats, maxRestrictions)
	}
	tooLong := func(c []byte) bool { return len(c) > caveats.MaxCaveat }
	if slices.ContainsFunc(t.Caveats, tooLong) || slices.ContainsFunc(t.Restrictions, tooLong) {
		return user, fmt.Errorf("a caveat is over %d bytes", caveats.MaxCaveat)
	}
	return user, nil
}

// tokenRecord is the record of a token. Its slices point into what was decoded.
type tokenRecord struct {
	flags      byte
	user       [16]byte
	signature  [32]byte
	location   []byte
	copied     copied
	span       scratch.Span // with hasSpan
	expires    int64        // milliseconds
	revoked    int64
	why        []byte
	list       [][]byte // restrictions, then the issued caveats
	restricted int      // how many of them are restrictions
}

// decode reads a record. It reuses the memory of the previous list.
func (t *tokenRecord) decode(b []byte) error {
	const fixed = 2 + len(t.user) + len(t.signature)
	d := newDecoder(b, encoding)
	*t = tokenRecord{flags: d.flags(tokenFlags), list: t.list}
	if d.err != nil || len(b) < fixed {
		d.fail()
		return d.err
	}
	t.user, t.signature = [16]byte(b[2:]), [32]byte(b[2+len(t.user):])
	d.b = b[fixed:]
	t.location = d.short(maxText)
	if t.flags&hasCopy != 0 {
		t.copied.member = d.uint()
		copy(t.copied.project[:], d.bytes(16))
		t.copied.name, t.copied.user = d.short(maxText), d.short(maxText)
	}
	if t.flags&hasSpan != 0 {
		t.span = scratch.Span{Begin: d.int(), End: d.int()}
	}
	if t.flags&hasExpiry != 0 {
		t.expires = d.int()
	}
	if t.flags&isRevoked != 0 {
		t.revoked, t.why = d.int(), d.short(maxText)
	}
	n := d.uint()
	if n > maxRestrictions {
		d.fail()
	}
	t.list = t.list[:0]
	for ; n > 0 && d.err == nil; n-- {
		t.list = append(t.list, d.short(caveats.MaxCaveat))
	}
	t.restricted = len(t.list)
	issued := 0
	if n := d.bytes(1); d.err == nil {
		issued = int(n[0])
	}
	if issued == 0 || issued > token.MaxCaveats {
		d.fail()
	}
	for ; issued > 0 && d.err == nil; issued-- {
		t.list = append(t.list, d.caveat())
	}
	return d.end()
}

// restrictions and issued are the caveats of a token that was decoded.
func (t *tokenRecord) restrictions() [][]byte {
	if t.restricted == 0 {
		return nil
	}
	return t.list[:t.restricted:t.restricted]
}

func (t *tokenRecord) issued() [][]byte { return t.list[t.restricted:] }

// caveat reads a caveat as it stands in a token.
func (d *decoder) caveat() []byte {
	if b := d.b; d.err == nil && len(b) > 2 && b[0] == caveatField && b[1] < 0x80 { // nearly all are short
		if end := 2 + int(b[1]); end < len(b) && b[end] == caveatEnd {
			d.b = b[end+1:]
			return b[2:end:end]
		}
	}
	d.exactly(caveatField)
	c := d.short(caveats.MaxCaveat)
	d.exactly(caveatEnd)
	return c
}

func (d *decoder) exactly(b byte) {
	if v := d.bytes(1); d.err == nil && v[0] != b {
		d.fail()
	}
}

// userRecord is the record of a user.
type userRecord struct {
	name     string
	flags    byte
	lists    uint64     // records of kindList: more projects that have the user, perList in each
	projects [][16]byte // that have the user as a member, and are in none of them: fewer than perList
}

func (u *userRecord) encode() []byte {
	b := appendText([]byte{encoding, u.flags}, u.name)
	return appendIDs(binary.AppendUvarint(b, u.lists), u.projects)
}

func (u *userRecord) decode(b []byte) error {
	d := newDecoder(b, encoding)
	*u = userRecord{flags: d.flags(userFlags)}
	u.name = d.text()
	u.lists = d.uint()
	u.projects = d.ids()
	return d.end()
}

// projectRecord is the record of a project.
type projectRecord struct {
	name  string
	flags byte
	apart [][16]byte // its members, where they have records of their own
}

func (p *projectRecord) encode() []byte {
	return appendIDs(appendText([]byte{encoding, p.flags}, p.name), p.apart)
}

func (p *projectRecord) decode(b []byte) error {
	d := newDecoder(b, encoding)
	*p = projectRecord{flags: d.flags(projectFlags)}
	p.name = d.text()
	p.apart = d.ids()
	return d.end()
}

func (m member) encode() []byte {
	return appendText(binary.AppendUvarint([]byte{encoding}, m.number), m.role)
}

func decodeMember(b []byte) (m member, err error) {
	d := newDecoder(b, encoding)
	m.number, m.role = d.uint(), d.text()
	return m, d.end()
}

func appendIDs(b []byte, ids [][16]byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(ids)))
	for _, id := range ids {
		b = append(b, id[:]...)
	}
	return b
}

func (d *decoder) ids() (ids [][16]byte) {
	n := d.uint()
	if n > uint64(len(d.b))/16 {
		d.fail()
	}
	if d.err != nil || n == 0 {
		return nil
	}
	ids = make([][16]byte, n)
	for i := range ids {
		copy(ids[i][:], d.bytes(16))
	}
	return ids
}

func appendBytes(b, s []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
