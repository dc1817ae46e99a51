package tokens

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// Use says when and for what a token was used last, as coarsely as its owner
// needs to recognize it.
type Use struct {
	At      time.Time `json:"at,omitzero"`       // whole minute
	Project string    `json:"project,omitempty"` // normalized name
	Network string    `json:"network,omitempty"` // the client's /24 or, with IPv6, /48; "" if unknown

	// Verifier is the name of the remote verifier that reported the use; "" if this
	// issuer saw it itself.
	Verifier string `json:"verifier,omitempty"`
}

// RecordUse notes that a token was used, and counts the use for the project if the token
// reaches it. Within a minute it keeps only the first use as the last one. A time in the
// future counts as now, a time before the last known use changes only the count, and the
// error for a token that does not exist is ErrNotFound.
//
// A use does not change the issuer's state: it has no audit row, and verifiers do not hear
// of it. The owner of the token gets a notice of its first use.
func (s *Service) RecordUse(ctx context.Context, tokenID, project string, from netip.Addr, at time.Time) error {
	use := s.coarseUse(project, from, at)
	return s.exempt.Update(ctx, func(tx kv.Tx) error { return s.noteUse(tx, tokenID, use, 1, "") })
}

// coarseUse returns a use in the form in which it is stored.
func (s *Service) coarseUse(project string, from netip.Addr, at time.Time) Use {
	if now := s.clock(); at.After(now) {
		at = now
	}
	return Use{At: at.UTC().Truncate(time.Minute), Project: project, Network: feed.Network(from)}
}

// noteUse records a use that stands for n uses. verifier is the name of the remote verifier
// that saw it, or "" for the one in this process.
func (s *Service) noteUse(tx kv.Tx, id string, use Use, n int, verifier string) error {
	rec, err := readToken(tx, id)
	if errors.Is(err, kv.ErrNotFound) {
		return ledger.ErrNotFound
	}
	if err != nil {
		return err
	}
	last, err := readUse(tx, id)
	if err != nil {
		return err
	}
	if last.At.IsZero() && rec.Run == nil { // owners hear of a publisher's first use
		if err := s.notifyFirstUse(tx, id, rec, use, verifier); err != nil {
			return err
		}
	}
	if last.At.Before(use.At) {
		if err := kv.PutJSON(tx, useKey(id), use); err != nil {
			return err
		}
		if rec.Run == nil { // Runs.forget may have removed a job's
			if err := tx.Put(ownedKey(rec.User, rec.Serial), entryOf(id, rec, use).encode()); err != nil {
				return err
			}
		}
	}
	if rec.Run != nil && s.Runs.use != nil {
		if err := s.Runs.use(tx, id, *rec.Run, use); err != nil {
			return err
		}
	}
	if use.Project == "" {
		return nil
	}
	project, err := rec.projectNamed(tx, use.Project)
	if err != nil || project == "" {
		return err
	}
	if err := noteProjectUse(tx, project, id, use); err != nil {
		return err
	}
	if rec.Run == nil && s.personalUse != nil {
		if err := s.personalUse(tx, PersonalUse{Token: id, User: rec.User, Label: rec.Label, Project: project, Use: use}); err != nil {
			return err
		}
	}
	return s.countUses(tx, project, id, use.At, n)
}

// PersonalUse is an upload with a token that a person minted.
type PersonalUse struct {
	Token, User string // ids
	Label       string
	Project     string // id
	Use         Use
}

// OnPersonalUse has fn called in the transaction that records the use of a person's token for a project. Call it before the Service is
// used.
func (s *Service) OnPersonalUse(fn func(tx kv.Tx, use PersonalUse) error) { s.personalUse = fn }

func (s *Service) notifyFirstUse(tx kv.Tx, id string, rec tokenRecord, use Use, verifier string) error {
	return s.ledger.PutNotice(tx, notices.Notice{Kind: notices.TokenFirstUsed, User: rec.User, At: use.At, Details: notices.Details{
		Token: id, Label: rec.Label, Project: use.Project, Network: use.Network, Verifier: verifier,
	}})
}

// noteProjectUse records the last use of a token for a project.
func noteProjectUse(tx kv.Tx, project, id string, use Use) error {
	last, err := readUsed(tx, project, id)
	if err != nil || !last.At.Before(use.At) {
		return err
	}
	return kv.PutJSON(tx, usedKey(project, id), use)
}

// usesAtOnce is how many uses one transaction records. It is small because other changes wait for it.
const usesAtOnce = 50

// RecordUses notes the uses that a verifier reports, as RecordUse does, in short
// transactions, together with the verifier's name. It drops uses that the verifier can't
// have seen: see reported. since is when the verifier reported last.
func (s *Service) RecordUses(ctx context.Context, verifier string, since time.Time, uses []feed.Use) error {
	uses = slices.Clone(uses[:min(len(uses), feed.MaxUses)])
	slices.SortStableFunc(uses, func(a, b feed.Use) int { return a.At.Compare(b.At) }) // the first in time counts as the token's first use, of which the owner hears
	for part := range slices.Chunk(uses, usesAtOnce) {
		if err := s.recordPart(ctx, verifier, since, part); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) recordPart(ctx context.Context, verifier string, since time.Time, uses []feed.Use) error {
	return s.exempt.Update(ctx, func(tx kv.Tx) error {
		for _, u := range uses {
			use, err := s.reported(tx, u, since)
			if errors.Is(err, ledger.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			use.Verifier = verifier
			n := min(max(u.Count, 1), maxReported)
			if err := s.noteUse(tx, u.Token, use, n, verifier); err != nil && !errors.Is(err, ledger.ErrNotFound) {
				return err
			}
		}
		return nil
	})
}

// reported returns a reported use with its time corrected, or ErrNotFound if the use is
// impossible: the token has to exist, and its owner has to be able to upload to the
// project with it. The time is put between the last report and now, by the issuer's
// clock, and before the end of the token.
func (s *Service) reported(r kv.Reader, u feed.Use, since time.Time) (Use, error) {
	if !caveats.ValidUUID(u.Token) || len(u.Project) > projects.MaxProjectName || !caveats.ValidProjectName(u.Project) {
		return Use{}, ledger.ErrNotFound
	}
	rec, err := readToken(r, u.Token)
	if errors.Is(err, kv.ErrNotFound) {
		err = ledger.ErrNotFound
	}
	if err != nil {
		return Use{}, err
	}
	at, last := u.At, s.clock()
	for _, end := range []time.Time{rec.Revoked.At, rec.Expires} {
		if !end.IsZero() && end.Before(last) {
			last = end
		}
	}
	since = since.Truncate(time.Minute)
	if last.Before(since) {
		return Use{}, ledger.ErrNotFound
	}
	if at.Before(since) {
		at = since
	}
	if at.After(last) {
		at = last
	}
	use := s.coarseUse(caveats.NormalizeProject(u.Project), address(u.Network), at)
	ok, err := rec.uploadsTo(r, use.Project)
	if err == nil && !ok {
		err = ledger.ErrNotFound
	}
	return use, err
}

// uploadsTo reports whether the owner of a token may upload to a project with it.
func (rec tokenRecord) uploadsTo(r kv.Reader, name string) (bool, error) {
	id, err := rec.projectNamed(r, name)
	if err != nil || id == "" {
		return false, err
	}
	p, err := projects.Read(r, id)
	if errors.Is(err, kv.ErrNotFound) || errors.Is(err, ledger.ErrNotFound) {
		return false, nil
	}
	m, member := p.Members[rec.User]
	return member && m.MayUpload() && p.Deleted.IsZero() && p.Archived.IsZero() && !p.Quarantined.Set() && (rec.Run != nil || p.OnlyPublishers.IsZero()), err
}

// projectNamed returns the id of the project with a normalized name if the token reaches
// it, or else "".
func (rec tokenRecord) projectNamed(r kv.Reader, name string) (string, error) {
	if rec.Scope == ScopeChosen {
		for _, p := range rec.Projects {
			if p.Name == name {
				return p.ID, nil
			}
		}
		return "", nil
	}
	return projects.IDOf(r, name)
}

// address parses an address, or a network, whose address it returns; zero if s is neither.
func address(s string) netip.Addr {
	if a, err := netip.ParseAddr(s); err == nil {
		return a
	}
	p, _ := netip.ParsePrefix(s)
	return p.Addr()
}

// readUse reads a token's last use; zero if it was not used yet.
func readUse(r kv.Reader, tokenID string) (u Use, err error) {
	err = kv.GetJSON(r, useKey(tokenID), &u)
	if errors.Is(err, kv.ErrNotFound) {
		return Use{}, nil
	}
	return u, err
}

// readUsed reads a token's last use for a project; zero if it was not used for it yet.
func readUsed(r kv.Reader, project, id string) (u Use, err error) {
	err = kv.GetJSON(r, usedKey(project, id), &u)
	if errors.Is(err, kv.ErrNotFound) {
		return Use{}, nil
	}
	return u, err
}
