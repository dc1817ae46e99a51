package followers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

// VerifierPrefix begins the secret of a verifier, so that scanners recognize it.
const VerifierPrefix = "rindv_"

// Limits of verifiers.
const (
	MaxVerifierName = 64
	MaxVerifiers    = 10_000 // that are not revoked
)

// ErrVerifierUnknown says that a secret belongs to no verifier, or to one that
// was revoked.
var ErrVerifierUnknown = errors.New("followers: the secret is of no verifier that is registered, or of one that was revoked")

// Verifier is a program that may follow the feed, and how it follows.
type Verifier struct {
	ID        string // UUID
	Name      string // unique among those that are not revoked
	Created   time.Time
	CreatedBy string            // username, as it was then
	Revoked   tokens.Revocation // zero while it is not

	Seen      time.Time     // last heard from, to a few minutes if it is not connected; zero: never
	Connected time.Time     // when its stream was opened; zero: not connected
	Applied   feed.Position // last reported, of this history
	Astray    bool          // its last position belongs to another history: one of the two stores was restored from a backup
	Lag       uint64        // revisions that it lacks
	Behind    time.Duration // least age of the first of them; 0 if it lacks none
}

// verifierRecord is a verifier in the store.
type verifierRecord struct {
	Name      string            `json:"name"`
	Created   time.Time         `json:"created"`
	CreatedBy string            `json:"created_by"`
	Hash      []byte            `json:"hash"` // SHA-256 of the secret, which is random: no salt, no stretching
	Revoked   tokens.Revocation `json:"revoked,omitzero"`
}

// RegisterVerifier lets one more program follow the feed, and returns its secret, which
// is not stored. Only administrators may call it. The name has 1 to MaxVerifierName
// characters; problems have the field "name". Each verifier needs its own secret: if
// two share one, only the last to connect hears of changes.
func (s *Service) RegisterVerifier(ctx context.Context, p ledger.Principal, name string) (Verifier, string, error) {
	name = strings.TrimSpace(name)
	if err := checkVerifierName(name); err != nil {
		return Verifier{}, "", err
	}
	id, err := s.ledger.NewID()
	if err != nil {
		return Verifier{}, "", err
	}
	random, err := s.ledger.Random(32)
	if err != nil {
		return Verifier{}, "", err
	}
	secret := VerifierPrefix + base64.RawURLEncoding.EncodeToString(random)
	hash := sha256.Sum256([]byte(secret))
	var out Verifier
	_, err = s.ledger.Update(ctx, func(c *ledger.Change) error {
		rec := verifierRecord{Name: name, Created: c.Now, CreatedBy: p.Username, Hash: hash[:]}
		out = Verifier{ID: id, Name: name, Created: c.Now, CreatedBy: p.Username}
		return registerVerifier(c, p, id, rec)
	})
	if err != nil {
		return Verifier{}, "", err
	}
	s.log.InfoContext(ctx, "verifier registered", "verifier", id, "name", name, "by", p.UserID)
	return out, secret, nil
}

func checkVerifierName(name string) error {
	switch {
	case !utf8.ValidString(name) || strings.ContainsFunc(name, text.Disruptive):
		return problem.New("name", "verifier_name_invalid")
	case !strings.ContainsFunc(name, ledger.Visible):
		return problem.New("name", "verifier_name_required")
	case utf8.RuneCountInString(name) > MaxVerifierName:
		return problem.New("name", "verifier_name_too_long", "max", MaxVerifierName)
	}
	return nil
}

func registerVerifier(c *ledger.Change, p ledger.Principal, id string, rec verifierRecord) error {
	if err := c.AdmitAdmin(p); err != nil {
		return err
	}
	taken, err := kv.Exists(c, verifierNameKey(rec.Name))
	if err != nil {
		return err
	}
	if taken {
		return problem.New("name", "verifier_name_taken", "name", rec.Name)
	}
	names, err := c.Scan([]byte(keyVerifierName), nil, MaxVerifiers, false)
	if err != nil {
		return err
	}
	if len(names) >= MaxVerifiers {
		return problem.New("name", "too_many_verifiers", "max", MaxVerifiers)
	}
	if err := c.Put([]byte(verifierNameKey(rec.Name)), []byte(id)); err != nil {
		return err
	}
	if err := c.Put([]byte(verifierSecretKey(rec.Hash)), []byte(id)); err != nil {
		return err
	}
	if err := kv.PutJSON(c, verifierKey(id), rec); err != nil {
		return err
	}
	return auditVerifier(c, p, "verifier.registered", id, rec)
}

// RevokeVerifier ends a verifier for good, and its open stream and snapshot at once. The
// verifier keeps what its store holds, and decides with it until its MaxStaleness is over.
// A verifier that is already revoked stays as it is.
func (s *Service) RevokeVerifier(ctx context.Context, p ledger.Principal, id string) error {
	_, err := s.ledger.UpdateExempt(ctx, func(c *ledger.Change) error {
		if err := c.AdmitAdmin(p); err != nil {
			return err
		}
		rec, err := readVerifier(c, id)
		if err != nil {
			return err
		}
		c.OnCommit(func() { s.connections.drop(id) })
		if !rec.Revoked.At.IsZero() {
			return nil
		}
		if _, err := raiseAdmission(c); err != nil { // other processes end its stream
			return err
		}
		if err := c.Delete([]byte(streamKey(id))); err != nil {
			return err
		}
		rec.Revoked = tokens.Revocation{At: c.Now, By: p.UserID, Username: p.Username, Why: "by an administrator"}
		if err := c.Delete([]byte(verifierNameKey(rec.Name))); err != nil {
			return err
		}
		if err := c.Delete([]byte(verifierSecretKey(rec.Hash))); err != nil {
			return err
		}
		if err := kv.PutJSON(c, verifierKey(id), rec); err != nil {
			return err
		}
		return auditVerifier(c, p, "verifier.revoked", id, rec)
	})
	return err
}

// auditVerifier writes the audit row, in the trail of the person who acted.
func auditVerifier(c *ledger.Change, p ledger.Principal, kind, id string, rec verifierRecord) error {
	return c.Audit(p, audit.Event{Kind: kind, Account: p.UserID, Detail: map[string]string{"verifier": rec.Name, "id": id}})
}

// AuthenticateVerifier returns the verifier whose secret this is, with its name and
// id, or ErrVerifierUnknown.
func (s *Service) AuthenticateVerifier(ctx context.Context, secret string) (Verifier, error) {
	if len(secret) > 256 || !strings.HasPrefix(secret, VerifierPrefix) {
		return Verifier{}, ErrVerifierUnknown
	}
	hash := sha256.Sum256([]byte(secret))
	var out Verifier
	err := s.store.View(ctx, func(r kv.Reader) error {
		id, err := r.Get([]byte(verifierSecretKey(hash[:])))
		if errors.Is(err, kv.ErrNotFound) {
			return ErrVerifierUnknown
		}
		if err != nil {
			return err
		}
		rec, err := readVerifier(r, string(id))
		if err != nil {
			return err
		}
		if subtle.ConstantTimeCompare(rec.Hash, hash[:]) != 1 || !rec.Revoked.At.IsZero() {
			return ErrVerifierUnknown
		}
		out = Verifier{ID: string(id), Name: rec.Name, Created: rec.Created, CreatedBy: rec.CreatedBy}
		return nil
	})
	return out, err
}

// Verifier returns one verifier to administrators; others get ErrNotFound.
func (s *Service) Verifier(ctx context.Context, p ledger.Principal, id string) (Verifier, error) {
	all, err := s.Verifiers(ctx, p)
	if err != nil {
		return Verifier{}, err
	}
	for _, v := range all {
		if v.ID == id {
			return v, nil
		}
	}
	return Verifier{}, ledger.ErrNotFound
}

// Verifiers lists the verifiers, including revoked ones, for administrators: by
// name, the revoked ones last. Others get ErrNotFound.
func (s *Service) Verifiers(ctx context.Context, p ledger.Principal) ([]Verifier, error) {
	if !p.Admin {
		return nil, ledger.ErrNotFound
	}
	var out []Verifier
	err := s.ledger.ViewAs(ctx, p, func(r kv.Reader) (err error) {
		out, err = s.readVerifiers(r)
		return err
	})
	slices.SortFunc(out, func(a, b Verifier) int {
		if ended := !a.Revoked.At.IsZero(); ended != !b.Revoked.At.IsZero() {
			if ended {
				return 1
			}
			return -1
		}
		return cmp.Or(cmp.Compare(ledger.Fold(a.Name), ledger.Fold(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	return out, err
}

func (s *Service) readVerifiers(r kv.Reader) ([]Verifier, error) {
	head, err := ledger.LastRevision(r)
	if err != nil {
		return nil, err
	}
	pairs, err := kv.All(r, []byte(keyVerifier))
	if err != nil {
		return nil, err
	}
	out := make([]Verifier, len(pairs))
	for i, p := range pairs {
		id := string(p.Key[len(keyVerifier):])
		rec, err := readVerifier(r, id)
		if err != nil {
			return nil, err
		}
		out[i] = Verifier{ID: id, Name: rec.Name, Created: rec.Created, CreatedBy: rec.CreatedBy, Revoked: rec.Revoked}
		err = s.presence(r, &out[i], head)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// presence fills in how a verifier follows.
func (s *Service) presence(r kv.Reader, v *Verifier, head uint64) error {
	var seen seenRecord
	err := kv.GetJSON(r, seenKey(v.ID), &seen)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	v.Seen, v.Applied = seen.At, seen.Applied
	s.connections.fill(v, s.clock())
	if !v.Astray && v.Applied.Issuer == s.issuer && v.Applied.Epoch == s.epoch && v.Applied.Revision >= head {
		return nil
	}
	v.Lag = head - min(head, v.Applied.Revision)
	if v.Astray || v.Applied.Epoch != s.epoch { // of another history, of an epoch before, or nothing yet
		v.Lag = head
	}
	first, err := ledger.CommitTime(r, head-v.Lag+1)
	if err == nil && !first.IsZero() {
		v.Behind = max(0, s.clock().Sub(first))
	}
	return err
}

// readVerifier reads a verifier by its id, or ErrNotFound.
func readVerifier(r kv.Reader, id string) (rec verifierRecord, err error) {
	if len(id) > 36 {
		return rec, ledger.ErrNotFound
	}
	err = kv.GetJSON(r, verifierKey(id), &rec)
	if errors.Is(err, kv.ErrNotFound) {
		err = ledger.ErrNotFound
	}
	return rec, err
}
