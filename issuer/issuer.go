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
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// Config is what a Service needs. Store, Sealer and Location are required.
type Config struct {
	Store    kv.Store
	Sealer   *seal.Sealer // seals signatures at rest
	Location string       // public host name, written into every token: "packages.example.org"

	// Administrators tells whether a user is an administrator, in the transaction that
	// acts: Principal.Admin is what a request was told when it began, and nobody who was
	// one then acts as one after. Where it is nil, Principal.Admin counts.
	Administrators func(r kv.Reader, userID string) (bool, error)

	People  projects.People  // who has a name or an address; nil: nobody, so that nobody can be invited
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
	InvitationMail func(kv.Tx, projects.Invited) error

	// Notices takes what people are to hear of by mail, in the transaction in which it
	// happens; nil: nobody is told.
	Notices *notices.Outbox

	Rand   io.Reader              // source of root keys, secrets and ids; crypto/rand where nil
	NewID  func() (string, error) // makes the ids of projects, tokens and the like: UUIDs of version 7 where nil
	Logger *slog.Logger           // discards where nil
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
	if c.MaxLife < 0 || c.MaxLife > 0 && c.MaxLife < ledger.Day {
		errs = append(errs, fmt.Errorf("issuer: the longest life of a token is at least 24 h, not %s; 0 sets no limit", c.MaxLife))
	}
	if c.ProjectsDaily < 0 {
		errs = append(errs, fmt.Errorf("issuer: a user can't create %d projects in a day; 0 means %d", c.ProjectsDaily, projects.MaxProjectsDaily))
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

// Service is the issuer: the rooms that live on one store. It is safe for concurrent use.
// A store has one Service in a process: who waits for changes hears of those that were made through it.
type Service struct {
	Ledger   *ledger.Ledger
	Projects *projects.Service
	Tokens   *tokens.Service
	*Followers
}

// New opens the issuer on a store, as Open has it of the ledger.
func New(cfg Config) (*Service, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	l, err := ledger.Open(ledger.Config{
		Store: cfg.Store, Sealer: cfg.Sealer, Administrators: cfg.Administrators, KeepChanges: cfg.KeepChanges,
		Notices: cfg.Notices, Clock: cfg.Clock, Rand: cfg.Rand, NewID: cfg.NewID, Logger: cfg.Logger,
	})
	if err != nil {
		return nil, err
	}
	p := projects.New(l, projects.Config{People: cfg.People, InvitationMail: cfg.InvitationMail, Daily: cfg.ProjectsDaily})
	t := tokens.New(l, p, tokens.Config{Sealer: cfg.Sealer, Location: cfg.Location, MaxLife: cfg.MaxLife, PerHour: cfg.PerHour})
	return &Service{Ledger: l, Projects: p, Tokens: t, Followers: NewFollowers(l, t, t)}, nil
}

// RecordUser and RevokeTokens are what the room of accounts tells the issuer of, in transactions of
// its own: a Service is an authn.UserRecorder.

// RecordUser is that of the ledger.
func (s *Service) RecordUser(tx kv.Tx, id, name string, frozen bool) error {
	return s.Ledger.RecordUser(tx, id, name, frozen)
}

// RevokeTokens is that of the tokens.
func (s *Service) RevokeTokens(tx kv.Tx, userID string, who audit.Actor, why string) error {
	return s.Tokens.RevokeTokens(tx, userID, who, why)
}
