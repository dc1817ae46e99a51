package authn

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/alexedwards/argon2id"
)

var errNotYet = errors.New("authn: not built yet")

const (
	SessionLifetime = 12 * time.Hour // from the password on, whatever happens
	SessionIdle     = 2 * time.Hour  // without a request
)

type passwords struct{}

func newPasswords(*argon2id.Params, int) (*passwords, error) { return nil, errNotYet }
func fold(string) string                                    { return "" }

// Purpose is what a link is for.
type Purpose string

const (
	PurposeSetup       Purpose = "setup"        // makes the first administrator
	PurposeInvitation  Purpose = "invitation"   // makes an account
	PurposeVerifyEmail Purpose = "verify_email" // shows that an address is read
)

// LinkInfo is what a link's page says before it is used.
type LinkInfo struct {
	Purpose  Purpose
	Email    string // whom it was sent to; "" for setup
	Username string // of the account, for verify_email
	Expires  time.Time
}

// CheckLink looks at a link without using it up.
func (s *Service) CheckLink(ctx context.Context, p Purpose, link Secret) (LinkInfo, error) {
	return LinkInfo{}, errNotYet
}

// SetupLink makes the one-time link …; ok is false once there is an account.
func (s *Service) SetupLink(ctx context.Context) (link Secret, expires time.Time, ok bool, err error) {
	return "", time.Time{}, false, errNotYet
}

// Invitation is an invitation that was not used yet.
type Invitation struct {
	ID        string
	Email     string
	By        string // username of the administrator
	CreatedAt time.Time
	Expires   time.Time // may be past: then it shows until it is swept
}

// Invite …; with ErrMail the invitation stands and link can be handed over.
func (s *Service) Invite(ctx context.Context, by Session, o Origin, email string) (inv Invitation, link Secret, err error) {
	return inv, "", errNotYet
}
func (s *Service) Invitations(ctx context.Context, by Session) ([]Invitation, error) {
	return nil, errNotYet
}
func (s *Service) RevokeInvitation(ctx context.Context, by Session, o Origin, id string) error {
	return errNotYet
}

// Registration is the registration form.
type Registration struct {
	Username, Email, Password string
	Purpose                   Purpose // PurposeSetup, PurposeInvitation, or "" for none
	Link                      Secret
}

// Register: Session at StageEnrolling. With ErrMail the account was made and the Session is good.
func (s *Service) Register(ctx context.Context, o Origin, r Registration) (Session, error) {
	return Session{}, errNotYet
}

// CanRegister tells whether the registration page is open to people without a link.
func (s *Service) CanRegister(ctx context.Context) (bool, error) { return false, errNotYet }

func (s *Service) VerifyEmail(ctx context.Context, o Origin, link Secret) (User, error) {
	return User{}, errNotYet
}
func (s *Service) ResendVerification(ctx context.Context, x Session, o Origin) error {
	return errNotYet
}

// ChangeEmail corrects an address that is not verified yet and sends a new link.
func (s *Service) ChangeEmail(ctx context.Context, x Session, o Origin, email string) error {
	return errNotYet
}

// SignIn: login is a username or a verified address.
func (s *Service) SignIn(ctx context.Context, o Origin, login, password string) (Session, error) {
	return Session{}, errNotYet
}
func (s *Service) VerifyTOTP(ctx context.Context, x Session, o Origin, code string) (Session, error) {
	return x, errNotYet
}
func (s *Service) UseRecoveryCode(ctx context.Context, x Session, o Origin, code string) (Session, error) {
	return x, errNotYet
}

// Provisioning is what the page that sets up an authenticator shows.
type Provisioning struct {
	URL     string   // otpauth://totp/…
	Secret  string   // base32
	Groups  []string // Secret in groups of four
	Modules [][]bool // QR code of URL: rows of modules, true is dark; without the quiet zone of 4
	Expires time.Time
}

// BeginTOTP returns this Session's pending provisioning, or makes one (GET-safe).
func (s *Service) BeginTOTP(ctx context.Context, x Session) (Provisioning, error) {
	return Provisioning{}, errNotYet
}
func (s *Service) ConfirmTOTP(ctx context.Context, x Session, o Origin, code string) (Session, error) {
	return x, errNotYet
}

// CreateRecoveryCodes replaces all codes; they are shown once, from this answer.
func (s *Service) CreateRecoveryCodes(ctx context.Context, x Session, o Origin) (codes []string, next Session, err error) {
	return nil, x, errNotYet
}
func (s *Service) ConfirmRecoveryCodes(ctx context.Context, x Session, o Origin, code string) (Session, error) {
	return x, errNotYet
}
func (s *Service) ChangePassword(ctx context.Context, x Session, o Origin, old, password string) (Session, error) {
	return x, errNotYet
}

// Users lists accounts behind the id after, oldest first, at most limit.
func (s *Service) Users(ctx context.Context, by Session, after string, limit int) ([]User, error) {
	return nil, errNotYet
}
func (s *Service) SetFrozen(ctx context.Context, by Session, o Origin, userID string, frozen bool) error {
	return errNotYet
}
func (s *Service) SetAdmin(ctx context.Context, by Session, o Origin, userID string, admin bool) error {
	return errNotYet
}

// Sweep deletes what is over: sessions, links, set-ups, counters. Call it about hourly.
func (s *Service) Sweep(ctx context.Context) error { return errNotYet }

// Sessions carries Sessions through net/http in the cookie __Host-rind_session.
type Sessions struct{}

// NewSessions: onError answers a request whose session could not be read or written.
func NewSessions(s *Service, onError func(http.ResponseWriter, *http.Request, error)) *Sessions {
	return nil
}
func (m *Sessions) Middleware(next http.Handler) http.Handler { return next }

// Current is nobody (zero, zero, nil) where there is no Session that holds.
func (m *Sessions) Current(ctx context.Context) (Session, User, error) {
	return Session{}, User{}, errNotYet
}

// Start keeps x under a new cookie; the old one is void.
func (m *Sessions) Start(ctx context.Context, x Session) error { return errNotYet }

// End signs out.
func (m *Sessions) End(ctx context.Context, o Origin) error { return errNotYet }

// Flash keeps a word for the next page; TakeFlash returns it once.
func (m *Sessions) Flash(ctx context.Context, word string)      {}
func (m *Sessions) TakeFlash(ctx context.Context) (word string) { return "" }
