package notices

import "slices"

// Kind is what a notice tells. The mail with the same name has its words.
type Kind string

// What happens to an account and its second factors. Its Details are named behind each.
const (
	NewDevice         Kind = "new_device"
	PasswordChanged   Kind = "password_changed"
	PasswordReset     Kind = "password_reset"
	EmailChanged      Kind = "email_changed"  // To: the new address; goes to the old one
	AddressUndone     Kind = "address_undone" // To: the address that it has again; goes to both. All sessions ended
	TOTPAdded         Kind = "totp_added"
	TOTPReplaced      Kind = "totp_replaced"
	TOTPRemoved       Kind = "totp_removed"
	KeyAdded          Kind = "key_added"        // Key: its name
	KeyRemoved        Kind = "key_removed"      // Key
	KeyCloned         Kind = "key_cloned"       // Key
	KeyCounterBack    Kind = "key_counter_back" // Key
	FactorFailed      Kind = "second_factor_failed"
	KeysOnly          Kind = "keys_only"
	KeysOnlyOff       Kind = "keys_only_off"
	RecoveryMade      Kind = "recovery_codes_created"
	RecoveryCodeUsed  Kind = "recovery_code_used" // CodesLeft
	Frozen            Kind = "frozen"
	Unfrozen          Kind = "unfrozen"
	RecoveryStarted   Kind = "recovery_started"  // Until: when it takes effect
	RecoveryReminder  Kind = "recovery_reminder" // Until
	RecoveryCancelled Kind = "recovery_cancelled"
	RecoveryByOther   Kind = "recovery_by_other" // User; to the other administrators
	SignedOut         Kind = "signed_out_everywhere"
	AdminGranted      Kind = "admin_granted"
	AdminRevoked      Kind = "admin_revoked"
	AdminGiven        Kind = "admin_given" // User; to who made them an administrator
	AdminTaken        Kind = "admin_taken" // User; to who took it from them
)

// What happens to a token. All have Token and Label.
const (
	TokenMinted      Kind = "token_minted"       // AllProjects or Projects, and Expires
	TokenRegenerated Kind = "token_regenerated"  // as TokenMinted
	TokenRevoked     Kind = "token_revoked"      // by somebody else
	TokenRevokedSelf Kind = "token_revoked_self" // by its owner
	TokenBurned      Kind = "token_burned"       // by somebody who had it
	TokenLeaked      Kind = "token_leaked"       // URL: where it was found
	TokenExpiring    Kind = "token_expiring"     // Expires
	TokenUnused      Kind = "token_unused"       // Used, Created
	TokenFirstUsed   Kind = "token_first_used"   // Project, Network, Verifier; each may be ""
)

// What happens to somebody's roles. All have Project.
const (
	RoleGained  Kind = "role_gained"  // Role
	RoleChanged Kind = "role_changed" // Role, Was
	RoleLost    Kind = "role_lost"    // Was

	TokensExcluded   Kind = "tokens_excluded" // the member's tokens no longer upload to it
	TokensReadmitted Kind = "tokens_readmitted"
)

// What happens to a project, for its members or its owners. All have Project.
const (
	ProjectRegistered  Kind = "project_registered" // by a first upload; and as TokenMinted, Verifier; to its owner
	ProjectDeleted     Kind = "project_deleted"
	ProjectTransferred Kind = "project_transferred" // User: who owns it now; From: who handed it on
	ProjectArchived    Kind = "project_archived"
	ProjectReopened    Kind = "project_reopened"
	InvitationAccepted Kind = "invitation_accepted" // User, Role

	ProjectDeprecated       Kind = "project_deprecated" // Reason
	ProjectUndeprecated     Kind = "project_undeprecated"
	ProjectQuarantined      Kind = "project_quarantined" // Reason
	ProjectQuarantineLifted Kind = "project_quarantine_lifted"

	ProjectOnlyPublishers Kind = "project_only_publishers" // it takes uploads of trusted publishers only
	ProjectAllTokens      Kind = "project_all_tokens"      // that is over
	TokenBesidePublisher  Kind = "token_beside_publisher"  // Token, Label: a token of a person uploaded although there is a publisher; once, to its owner

	// Of publishers; all have Label: the title of the publisher.
	PublisherAdded       Kind = "publisher_added"
	PublisherRemoved     Kind = "publisher_removed"
	PublisherFirstUsed   Kind = "publisher_first_used"
	PublisherEnvironment Kind = "publisher_environment" // Reason: the environment that it does not ask for
	PublisherEnding      Kind = "publisher_ending"      // Until; a pending one, to who added it
	ReleaseYanked        Kind = "release_yanked"        // Version, Reason
	ReleaseUnyanked      Kind = "release_unyanked"      // Version
	ReleaseDeleted       Kind = "release_deleted"       // Version
	FileDeleted          Kind = "file_deleted"          // File, Version
)

// Group is what kinds are about.
type Group string

// The groups, in the order in which people see them.
const (
	Tokens   Group = "tokens"
	Projects Group = "projects"
	Account  Group = "account"
)

// Info describes a kind.
type Info struct {
	Kind   Kind
	Group  Group
	Always bool // nobody can switch it off: it tells of what an intruder would do
}

// kinds lists all there are, in the order in which people see them.
var kinds = []Info{
	{TokenExpiring, Tokens, false},
	{TokenUnused, Tokens, false},
	{TokenFirstUsed, Tokens, false},
	{TokenRevokedSelf, Tokens, false},
	{TokenMinted, Tokens, true},
	{TokenRegenerated, Tokens, true},
	{TokenRevoked, Tokens, true},
	{TokenBurned, Tokens, true},
	{TokenLeaked, Tokens, true},

	{RoleGained, Projects, false},
	{RoleChanged, Projects, false},
	{RoleLost, Projects, false},
	{TokensExcluded, Projects, true},
	{TokensReadmitted, Projects, false},
	{InvitationAccepted, Projects, false},
	{ProjectArchived, Projects, false},
	{ProjectReopened, Projects, false},
	{ProjectDeprecated, Projects, false},
	{ProjectUndeprecated, Projects, false},
	{ProjectQuarantined, Projects, true},
	{ProjectQuarantineLifted, Projects, false},
	{ProjectOnlyPublishers, Projects, false},
	{ProjectAllTokens, Projects, true},
	{TokenBesidePublisher, Tokens, false},
	{PublisherAdded, Projects, true},
	{PublisherRemoved, Projects, false},
	{PublisherFirstUsed, Projects, false},
	{PublisherEnvironment, Projects, false},
	{PublisherEnding, Projects, false},
	{ReleaseYanked, Projects, false},
	{ReleaseUnyanked, Projects, false},
	{ReleaseDeleted, Projects, true},
	{FileDeleted, Projects, true},
	{ProjectRegistered, Projects, true},
	{ProjectTransferred, Projects, true},
	{ProjectDeleted, Projects, true},

	{NewDevice, Account, true},
	{PasswordChanged, Account, true},
	{PasswordReset, Account, true},
	{EmailChanged, Account, true},
	{AddressUndone, Account, true},
	{TOTPAdded, Account, true},
	{TOTPReplaced, Account, true},
	{TOTPRemoved, Account, true},
	{KeyAdded, Account, true},
	{KeyRemoved, Account, true},
	{KeyCloned, Account, true},
	{KeyCounterBack, Account, true},
	{FactorFailed, Account, true},
	{KeysOnly, Account, true},
	{KeysOnlyOff, Account, true},
	{RecoveryMade, Account, true},
	{RecoveryCodeUsed, Account, true},
	{RecoveryStarted, Account, true},
	{RecoveryReminder, Account, true},
	{RecoveryCancelled, Account, true},
	{RecoveryByOther, Account, true},
	{Frozen, Account, true},
	{Unfrozen, Account, true},
	{SignedOut, Account, true},
	{AdminGranted, Account, true},
	{AdminRevoked, Account, true},
	{AdminGiven, Account, true},
	{AdminTaken, Account, true},
}

// Kinds lists what is known of all kinds.
func Kinds() []Info { return slices.Clone(kinds) }

// Always tells whether nobody can switch a kind off.
func (k Kind) Always() bool {
	i, ok := k.info()
	return !ok || i.Always
}

// info returns the description of a kind; ok is false if the kind does not exist.
func (k Kind) info() (i Info, ok bool) {
	for _, i := range kinds {
		if i.Kind == k {
			return i, true
		}
	}
	return Info{}, false
}
