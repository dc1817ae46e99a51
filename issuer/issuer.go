// Package issuer is the domain of a token issuer: projects and the roles in
// them, the policy and the act of minting, the tokens and their revocation, and
// the log of changes that verifiers follow.
//
// Start with New on the store that the other rooms share. What a person does
// goes through a method of Service that takes a Principal; what a verifier needs
// comes out of Position, Changes and Wait in this process, and for verifiers
// elsewhere, which RegisterVerifier lets in, out of Snapshot, OpenStream and Report.
// Confirm says which of them have a change. Accounts are another room's matter: it
// tells this one about a user with RecordUser, inside its own transaction.
//
// Every change commits in one transaction with its audit row and its entry in the
// change log, and a method that changes something returns the revision of that
// entry, so that a caller can wait until a verifier has applied it.
//
// # Errors
//
// Input that a person can mend comes back as problem.Problems. ErrNotFound is
// said of what does not exist and of what is not the asker's business, with no
// difference between the two. ErrNotOwner is for members who may see a project
// and not manage it; ErrFrozen is for a user who was frozen while signed in.
// Everything else is a fault of the store.
//
// # Projects and people
//
// Nobody becomes a member of a project without accepting: Invite binds an invitation to
// the user who has a name, or to an address, and answers the same whether there is such
// an account; AcceptInvitation takes it from that user, or from the one whose verified
// address it is, and uses it up. An owner who hands a project on invites, too. An
// invitation is as good as its inviter: it ends when the inviter owns the project no
// longer. A project keeps an owner who is not frozen, whatever happens at once.
//
// A project that is archived has no member who uploads, as verifiers are told. One that
// is deleted stays as a tombstone under its id, which is never used again, and its
// name is held back. Its tokens are dealt with in steps, of which the first is in
// the transaction that deletes it; FinishDeletions, and FinishRevocations, go on where something was cut short.
//
// # Lists
//
// What lists are filtered and sorted by is kept beside the records, in the
// transactions that change them: a line for each token of a user, an index of the
// tokens that can upload to a project, and counters of its uploads. So FindTokens,
// ProjectTokens and ProjectUploads read little, however much there is.
//
// # What is kept of a token
//
// The issued caveats, in the clear, and the signature behind them, sealed; the
// root key is used once and wiped, and the text is in the answer to Mint only.
package issuer

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/seal"
)

var (
	// ErrNotFound says that what was asked for does not exist, or that the
	// principal has nothing to do with it.
	ErrNotFound = errors.New("issuer: not found")

	// ErrNotOwner says that a project may be seen by the principal, and
	// managed by its owners only.
	ErrNotOwner = errors.New("issuer: only an owner of the project may do this")

	// ErrFrozen says that the principal's account is frozen.
	ErrFrozen = errors.New("issuer: the account is frozen")

	// ErrDemoted says that the principal was an administrator when its request began,
	// and is none any more. Nothing changed.
	ErrDemoted = errors.New("issuer: the account is no administrator's any more")

	// ErrOtherHistory says that a verifier knows a history that this store does not
	// have: one of the two was restored from a backup. 'rind restored' mends it, by
	// RaiseEpoch.
	ErrOtherHistory = feed.ErrOtherHistory

	// ErrAhead is the ErrOtherHistory of a verifier that knows a revision or an epoch that
	// this store has not reached.
	ErrAhead = fmt.Errorf("issuer: the verifier knows more than this store, which was probably restored from an older backup: %w", ErrOtherHistory)
)

// Principal is who asks. The room that authenticates vouches for it; tokens and
// caveats have no say in it.
type Principal struct {
	UserID   string // UUID; "" only for an administrator who acts on the machine itself
	Username string
	Admin    bool        // may see every project and token, and revoke tokens
	Actor    audit.Actor // for the audit trail; user id and name are filled in
}

// Config is what a Service needs. Store, Sealer and Location are required.
type Config struct {
	Store    kv.Store
	Sealer   *seal.Sealer // seals signatures at rest
	Location string       // public host name, written into every token: "packages.example.org"

	// Administrators tells whether a user is an administrator, in the transaction that
	// acts: Principal.Admin is what a request was told when it began, and nobody who was
	// one then acts as one after. Where it is nil, Principal.Admin counts.
	Administrators func(r kv.Reader, userID string) (bool, error)

	People  People           // who has a name or an address; nil: nobody, so that nobody can be invited
	Clock   func() time.Time // time.Now where nil
	MaxLife time.Duration    // longest life of a token, at least 24 h; 0: tokens may live for ever
	// PerHour is how many tokens a user makes in an hour at most; 0 sets no bound.
	PerHour int

	// ProjectsDaily is how many projects a user creates in a day, UTC, at most; MaxProjectsDaily
	// where it is 0.
	ProjectsDaily int
	// KeepChanges is how many change sets the log keeps at least for verifiers
	// that come back; one that is further behind takes a snapshot. 100,000 where
	// it is 0: some 15 MB.
	KeepChanges int

	// InvitationMail takes the mail with the link of an invitation, in the transaction in which that is made or
	// sent again; an error undoes it, and is the answer. It is called whether there is somebody to write to
	// or not, and the same has to become of it. nil: no mail is sent.
	InvitationMail func(kv.Tx, Invited) error

	// Notices takes what people are to hear of by mail, in the transaction in which it
	// happens; nil: nobody is told.
	Notices *notices.Outbox

	Rand   io.Reader    // source of root keys and ids, crypto/rand where nil
	Logger *slog.Logger // discards where nil
}

func (c Config) check() error {
	var errs []error
	if c.Store == nil {
		errs = append(errs, errors.New("issuer: no store is configured"))
	}
	if c.Sealer == nil {
		errs = append(errs, errors.New("issuer: no sealer is configured"))
	}
	if !validLocation(c.Location) {
		errs = append(errs, fmt.Errorf("issuer: the location %q is no host name", c.Location))
	}
	if c.MaxLife < 0 || c.MaxLife > 0 && c.MaxLife < day {
		errs = append(errs, fmt.Errorf("issuer: the longest life of a token is at least 24 h, not %s; 0 sets no limit", c.MaxLife))
	}
	if c.ProjectsDaily < 0 {
		errs = append(errs, fmt.Errorf("issuer: a user can't create %d projects in a day; 0 means %d", c.ProjectsDaily, MaxProjectsDaily))
	}
	if c.PerHour < 0 {
		errs = append(errs, fmt.Errorf("issuer: a user can't make %d tokens in an hour; 0 sets no bound", c.PerHour))
	}
	if c.KeepChanges < 0 {
		errs = append(errs, fmt.Errorf("issuer: the change log can't keep %d entries", c.KeepChanges))
	}
	return errors.Join(errs...)
}

// validLocation holds for host names, with a port where there is one. No
// signature covers a location, so nothing subtle may be in it.
func validLocation(s string) bool {
	if len(s) == 0 || len(s) > 255 {
		return false
	}
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '-', r == ':', r == '[', r == ']':
		default:
			return false
		}
	}
	return true
}

// Service is the issuer. It is safe for concurrent use. A store has one Service
// at a time: Wait hears of changes that were made through it, in this process.
type Service struct {
	store    kv.Store
	sealer   *seal.Sealer
	location string
	admins   func(kv.Reader, string) (bool, error) // nil: Principal.Admin counts
	people   People

	invitationMail func(kv.Tx, Invited) error // nil: none is sent
	clock          func() time.Time
	maxLife        time.Duration
	perHour        int
	rand           io.Reader
	log            *slog.Logger
	newID          func() (string, error) // UUIDs for projects and tokens

	keep    uint64          // change sets in the log, at least
	id      identity        // of the store; constant
	notices *notices.Outbox // nil where nobody is told

	unfinished chan struct{} // has room for one: steps are left over

	drafts        drafts
	projectsDaily int

	news news
	live live
	tail tail
}

// New opens the issuer on a store. In a new store it makes the identity by which
// verifiers tell one issuer from another; in an old one it checks that the sealer
// has the key that the store's records were sealed with.
func New(cfg Config) (*Service, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Service{
		store: instance.Guard(cfg.Store), sealer: cfg.Sealer, location: cfg.Location, admins: cfg.Administrators,
		clock: cfg.Clock, maxLife: cfg.MaxLife, perHour: cfg.PerHour, projectsDaily: cmp.Or(cfg.ProjectsDaily, MaxProjectsDaily), rand: cfg.Rand, log: cfg.Logger, notices: cfg.Notices,
		unfinished: make(chan struct{}, 1),
	}
	s.invitationMail = cfg.InvitationMail
	if s.people = cfg.People; s.people == nil {
		s.people = nobody{}
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	s.keep = uint64(cfg.KeepChanges)
	if s.keep == 0 {
		s.keep = keepChanges
	}
	if s.rand == nil {
		s.rand = rand.Reader
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.newID = s.uuid7
	if err := s.open(); err != nil {
		return nil, err
	}
	return s, nil
}

// identity names a store and its epoch for good.
type identity struct {
	Issuer string
	Epoch  uint64
	Check  []byte // keyCheck, sealed: tells whether the key is the right one
}

const keyCheck = "issuer"

func (s *Service) open() error {
	fresh, err := s.uuid7()
	if err != nil {
		return err
	}
	err = s.store.Update(instance.Safe(context.Background()), func(tx kv.Tx) error {
		err := kv.GetJSON(tx, keyIdentity, &s.id)
		if errors.Is(err, kv.ErrNotFound) {
			s.id = identity{Issuer: fresh, Epoch: 1, Check: s.sealer.Seal(nil, []byte(keyCheck), keyIdentity)}
			if err := kv.PutJSON(tx, keyLayout, layout); err != nil {
				return err
			}
			return kv.PutJSON(tx, keyIdentity, s.id)
		}
		if err != nil {
			return err
		}
		s.news.at, err = lastChain(tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("issuer: open: %w", err)
	}
	if _, err := s.sealer.Open(nil, s.id.Check, keyIdentity); err != nil {
		return fmt.Errorf("issuer: this store belongs to another key file: %w", err)
	}
	if err := s.upgrade(context.Background()); err != nil {
		return fmt.Errorf("issuer: open: %w", err)
	}
	return nil
}

// uuid7 makes a UUID of version 7 (RFC 9562 §5.7) from the clock and Rand.
func (s *Service) uuid7() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(s.rand, b[6:]); err != nil {
		return "", fmt.Errorf("issuer: randomness: %w", err)
	}
	ms := uint64(s.clock().UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}
