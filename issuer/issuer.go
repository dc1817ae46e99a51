// Package issuer wires the rooms of a token issuer to one store: New makes a Service of them.
//
//	ledger      what a change is: who asks, the transaction, the audit trail, the change log, users
//	projects    projects, members, invitations, reserved names, exclusions
//	tokens      minting, policy, restricting, replacing, revoking, searching, use, reminders
//	publishers  trusted publishing: jobs of CI systems, and the exchange of their ID tokens
//	followers   the verifiers: the feed, snapshots, who is connected, confirmed revocation
//
// Each room imports those above it in this list and none below. Beside them, feedhttp and adminhttp
// serve the feed and the admin socket, refusal turns errors into statuses and words, mails writes the
// emails, and web serves people.
//
// # Where to begin
//
// What a person does goes through a method of Projects, Tokens or Followers that takes a
// ledger.Principal. A verifier in this process gets what it needs from Followers. Another room
// keeps accounts: it tells this one of users with RecordUser and RevokeTokens, inside its own
// transactions.
//
// Every change commits in one transaction with its audit row and its entry in the
// change log, and a method that changes something returns the revision of that
// entry, so that a caller can wait until a verifier has applied it.
//
// # Errors
//
// Input that a person can correct comes back as problem.Problems. ledger.ErrNotFound
// means that something does not exist or is not the asker's business, and does not say
// which. ledger.ErrNotOwner is for members who may see a project but not manage it;
// ledger.ErrFrozen is for a user who was frozen while signed in. Every other error is a
// fault of the store.
package issuer

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/publishers"
	"github.com/rind-dev/rind/issuer/tokens"
)

// Config is what a Service needs. Store, Sealer and Location are required.
type Config struct {
	Store    kv.Store
	Sealer   *seal.Sealer // seals signatures at rest
	Location string       // public host name, written into every token: "packages.example.org"

	// Administrators tells whether a user is an administrator, in the transaction that
	// acts: Principal.Admin is from the beginning of the request, and a user who has been
	// demoted since must not act as an administrator. If it is nil, Principal.Admin counts.
	Administrators func(r kv.Reader, userID string) (bool, error)

	People  projects.People  // who has a name or an address; nil: nobody, so that nobody can be invited
	Clock   func() time.Time // time.Now where nil
	MaxLife time.Duration    // longest life of a token, at least 24 h; 0: tokens may live for ever
	// PerHour is how many tokens a user may make in an hour; 0 sets no bound.
	PerHour int

	// ProjectsDaily is how many projects a user may create in a day, UTC; 0 means
	// MaxProjectsDaily.
	ProjectsDaily int
	// KeepChanges is the least number of change sets that the log keeps for verifiers
	// that come back; a verifier that is further behind takes a snapshot. 0 means
	// 100,000: some 15 MB.
	KeepChanges int

	// InvitationMail takes the mail with the link of an invitation, in the transaction that makes the invitation
	// or sends it again; an error rolls that back and is the answer. It is called even if there is nobody to
	// write to, and has to behave the same then. nil: no mail is sent.
	InvitationMail func(kv.Tx, projects.Invited) error

	// Notices takes the notices that people get by mail, in the transaction of the event;
	// nil: no notices are sent.
	Notices *notices.Outbox

	// IDTokens checks the ID tokens that jobs exchange for upload tokens; nil: it knows no issuer.
	IDTokens *idtoken.Set

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

// validLocation accepts host names with an optional port. No signature covers a
// location, so it may hold nothing subtle.
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
// Use one Service per store in a process: callers that wait for changes hear only of those made through it.
type Service struct {
	Ledger    *ledger.Ledger
	Projects  *projects.Service
	Tokens    *tokens.Service
	Followers *followers.Service

	Publishers *publishers.Service
}

// New opens the issuer on a store, as ledger.Open does the ledger.
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
	return &Service{
		Ledger: l, Projects: p, Tokens: t, Followers: followers.New(l, t, t),
		Publishers: publishers.New(l, p, t, publishers.Config{IDTokens: cfg.IDTokens, Audience: cfg.Location}),
	}, nil
}

// The room that keeps accounts calls RecordUser and RevokeTokens in its own transactions: a Service
// is an authn.UserRecorder.

// RecordUser calls the ledger's RecordUser.
func (s *Service) RecordUser(tx kv.Tx, id, name string, frozen bool) error {
	return s.Ledger.RecordUser(tx, id, name, frozen)
}

// RevokeTokens calls the RevokeTokens of Tokens.
func (s *Service) RevokeTokens(tx kv.Tx, userID string, who audit.Actor, why string) error {
	return s.Tokens.RevokeTokens(tx, userID, who, why)
}
