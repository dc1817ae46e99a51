package verifier

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/scratch"
)

// Verify decides whether the token text allows the request. The error is nil, a
// *Denial, or one that wraps ErrUnavailable; the Grant is zero unless it is nil.
//
// Verify checks in this order: the token's form, its record, its location, that the issued
// caveats come first and unchanged, its signature, and whether it was revoked. Each
// of these alone denies. Then it reports everything else that stands in the way
// at once: caveats as issued, as added by the holder, and as added on the issuer's
// side; a frozen owner; an owner who is not a member of the project. A project that
// does not exist is nobody's, except that a token whose Record says Registers allows
// caveats.ActionCreate for it; who acts on that grant asks the issuer to register it.
func (v *Verifier) Verify(ctx context.Context, text string, req Request) (Grant, error) {
	buf := buffers.Get().(*buffer) // the caveats of token and record are valid until it goes back
	defer buffers.Put(buf)
	t, err := buf.token.Parse(text)
	if err != nil {
		return Grant{}, badForm(err)
	}
	if !caveats.ValidUUID(t.ID) { // the issuer never wrote such an id, so don't look it up
		return Grant{}, unknown("")
	}
	v.normalize(&req)
	rec := &buf.record
	if err := v.lookup(ctx, buf, t.ID, req.Project); err != nil {
		return Grant{}, err
	}
	req.UserID, req.ProjectID = rec.UserID, rec.Project.ID

	failures, err := checkRecord(t.ID, rec, &req, buf.scratch.Span)
	if err != nil {
		return Grant{}, err
	}
	err = authenticate(&t, rec)
	if err != nil {
		return Grant{}, err
	}
	if !rec.RevokedAt.IsZero() {
		return Grant{}, deny(t.ID, caveats.Revoked, revokedText(rec))
	}
	added := t.Caveats[len(rec.Caveats):]
	failures = merge(failures, check(added, &req))
	failures = standing(failures, rec, &req)
	if len(failures) > 0 {
		return Grant{}, &Denial{TokenID: t.ID, UserID: rec.UserID, UserName: rec.UserName, Failures: failures}
	}
	return grant(t.ID, rec, &req, added, buf.scratch.Span), nil
}

// buffer is the memory of a check.
type buffer struct {
	token   token.Buffer
	record  Record
	scratch scratch.Memory
}

// buffers lend memory to the checks under way.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

// lookupInto is Lookup into memory that is used again. The record's slices are valid until
// the memory is used next.
type lookupInto = func(ctx context.Context, rec *Record, tokenID, project string, m *scratch.Memory) error

// reuser is a store of this module. LookupInto returns nil for a store other than itself: a
// type that embeds it and has a Lookup of its own has this method too, and its Lookup must not
// be bypassed.
type reuser interface{ LookupInto(store Store) lookupInto }

// normalize brings the request into the form that is checked. A name that no
// project can have counts as empty.
func (v *Verifier) normalize(req *Request) {
	req.Project = caveats.NormalizeProject(req.Project)
	if req.Now.IsZero() {
		req.Now = v.now()
	}
}

// lookup reads the record, and tells an unknown token from a failed lookup.
func (v *Verifier) lookup(ctx context.Context, b *buffer, id, project string) (err error) {
	rec := &b.record
	b.scratch.Span = scratch.Span{}
	if v.into != nil {
		err = v.into(ctx, rec, id, project, &b.scratch)
	} else {
		*rec, err = v.store.Lookup(ctx, id, project)
	}
	switch {
	case err == nil:
	case errors.Is(err, ErrUnknownToken) && !errors.Is(err, ErrUnavailable):
		return unknown(id)
	default:
		return unavailable(id, err)
	}
	p := &rec.Project
	switch {
	case rec.UserID == "" || rec.Location == "" || len(rec.Caveats) == 0 || rec.Signature == [32]byte{}:
		return unavailable(id, errors.New("its record is incomplete: the store is damaged"))
	case *p != Project{} && (p.ID == "" || p.Name != project || project == ""):
		return unavailable(id, errors.New("the store answered for another project than it was asked for"))
	}
	return nil
}

// checkRecord checks what the issuer wrote, which is trusted whatever the token
// says. If it can't be read, the record is damaged, and nobody's token is at fault. Within
// span, if there is one, the record's caveats are known to hold.
func checkRecord(id string, rec *Record, req *Request, span scratch.Span) ([]caveats.Failure, error) {
	var failures []caveats.Failure
	if !span.Has(req.Now.Unix()) {
		failures = merge(check(rec.Caveats, req), check(rec.Restrictions, req))
	}
	if has(failures, caveats.MalformedCaveat) {
		return nil, unavailable(id, errors.New("a caveat in its record can't be read: the store is damaged"))
	}
	if !rec.ExpiresAt.IsZero() && !req.Now.Before(rec.ExpiresAt) {
		if !has(failures, caveats.Expired) {
			failures = append(failures, caveats.Failure{Reason: caveats.Expired, Text: "token is expired"})
		}
	}
	return failures, nil
}

// check is caveats.Check, but doesn't copy the request if there is nothing to check.
func check(raw [][]byte, req *Request) []caveats.Failure {
	if len(raw) == 0 {
		return nil
	}
	return caveats.Check(raw, *req)
}

// authenticate checks that the token is the issued one, or one that a holder
// narrowed.
func authenticate(t *token.Token, rec *Record) error {
	if t.Location != rec.Location {
		return deny(t.ID, caveats.WrongLocation, "token was issued for another package index than it says")
	}
	if !startsWith(t.Caveats, rec.Caveats) {
		return badSignature(t.ID)
	}
	want := rec.Signature
	if added := t.Caveats[len(rec.Caveats):]; len(added) > 0 {
		var err error
		want, err = token.Extend(rec.Signature, t.ID, added)
		if err != nil {
			return badSignature(t.ID) // what can't be chained was never signed
		}
	}
	if subtle.ConstantTimeCompare(want[:], t.Signature[:]) != 1 {
		return badSignature(t.ID)
	}
	return nil
}

func startsWith(list, prefix [][]byte) bool {
	if len(list) < len(prefix) {
		return false
	}
	for i, c := range prefix {
		if !bytes.Equal(list[i], c) {
			return false
		}
	}
	return true
}

// standing appends what stands in the way at present, whatever the caveats say.
func standing(fs []caveats.Failure, rec *Record, req *Request) []caveats.Failure {
	if rec.UserFrozen {
		fs = append(fs, caveats.Failure{Reason: caveats.UserFrozen,
			Text: fmt.Sprintf("user '%s' is frozen", rec.UserName)})
	}
	switch {
	case req.Project == "" && has(fs, caveats.WrongProject): // a caveat says it better
	case req.Project == "":
		fs = append(fs, caveats.Failure{Reason: caveats.WrongProject, Text: "the request names no valid project"})
	case rec.Project == Project{} && rec.Registers && req.Action == caveats.ActionCreate:
	case rec.Project.Quarantined:
		fs = append(fs, caveats.Failure{Reason: caveats.WrongProject,
			Text: fmt.Sprintf("project '%s' is quarantined and takes no uploads", req.Project)})
	case rec.Project.Archived:
		fs = append(fs, caveats.Failure{Reason: caveats.WrongProject,
			Text: fmt.Sprintf("project '%s' is archived and takes no uploads", req.Project)})
	case rec.Project.JobsOnly && !rec.Job:
		fs = append(fs, caveats.Failure{Reason: caveats.WrongProject,
			Text: fmt.Sprintf("project '%s' takes uploads of its trusted publishers only, and this token was not issued to one of their jobs", req.Project)})
	case !rec.Project.Member: // in the same words whether it exists or not
		text := fmt.Sprintf("user '%s' is not a member of project '%s'", rec.UserName, req.Project)
		if !has(fs, caveats.WrongProject) {
			text += "; if the project is new, register it at " + rec.Location + " first"
		}
		fs = append(fs, caveats.Failure{Reason: caveats.NotAMember, Text: text})
	}
	return fs
}

// merge appends to fs the failures that it doesn't hold yet.
func merge(fs, more []caveats.Failure) []caveats.Failure {
next:
	for _, f := range more {
		for _, g := range fs {
			if f == g {
				continue next
			}
		}
		fs = append(fs, f)
	}
	return fs
}

func grant(id string, rec *Record, req *Request, added [][]byte, span scratch.Span) Grant {
	return Grant{
		TokenID:   id,
		UserID:    rec.UserID,
		UserName:  rec.UserName,
		ProjectID: rec.Project.ID,
		Project:   req.Project,
		Action:    req.Action,
		ExpiresAt: earliest(rec, added, span),
		added:     joined(added),
	}
}

// joined copies caveats in the form that Grant.Added reads, because the token's memory is used again.
func joined(cs [][]byte) string {
	if len(cs) == 0 {
		return ""
	}
	var buf [512]byte // on the stack; what is longer is not
	b := buf[:0]
	for _, c := range cs {
		b = append(append(b, byte(len(c)>>8), byte(len(c))), c...)
	}
	return string(b)
}

const endOf9999 = 253402300799 // Unix seconds; time.Time can't write later years as RFC 3339

// earliest is when the token ends, by whichever limit comes first.
func earliest(rec *Record, added [][]byte, span scratch.Span) time.Time {
	end := int64(endOf9999 + 1)
	if !rec.ExpiresAt.IsZero() {
		end = min(end, rec.ExpiresAt.Unix())
	}
	lists := [...][][]byte{added, rec.Caveats, rec.Restrictions}
	unread := lists[:]
	if !span.Empty() {
		end, unread = min(end, span.End), lists[:1]
	}
	for _, list := range unread {
		if at, ok := caveats.Ends(list); ok {
			end = min(end, at)
		}
	}
	if end > endOf9999 {
		return time.Time{}
	}
	return time.Unix(end, 0).UTC()
}

func badForm(err error) error {
	if errors.Is(err, token.ErrTooLarge) {
		return deny("", caveats.TooLarge, "token is too large")
	}
	return deny("", caveats.MalformedToken, "token is malformed: it is not whole, or there is something around it")
}

func unknown(id string) error {
	return deny(id, caveats.UnknownToken, "token is not known here: another index issued it, or it was deleted")
}

func badSignature(id string) error {
	return deny(id, caveats.BadSignature, "token has a wrong signature: it was changed after it was issued")
}

func revokedText(rec *Record) string {
	text := "token was revoked"
	if rec.RevokedWhy != "" {
		text += " " + rec.RevokedWhy
	}
	return text + " on " + rec.RevokedAt.UTC().Format("2006-01-02 at 15:04 UTC")
}

// unavailable wraps the store's error. It quotes that error instead where wrapping
// would make the result both a denial and not a denial.
func unavailable(id string, err error) error {
	var d *Denial
	if errors.As(err, &d) || errors.Is(err, ErrUnknownToken) {
		return fmt.Errorf("%w: token %s: %v", ErrUnavailable, id, err)
	}
	return fmt.Errorf("%w: token %s: %w", ErrUnavailable, id, err)
}
