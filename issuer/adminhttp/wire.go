package adminhttp

import "time"

// Request holds the arguments of a command; each command reads some of the fields. The names of fields
// on the wire, here and below, are stable.
type Request struct {
	Name    string    `json:"name,omitempty"`    // username, or name of a project or verifier
	User    string    `json:"user,omitempty"`    // username, if Name is something else
	ID      string    `json:"id,omitempty"`      // of a token
	Email   string    `json:"email,omitempty"`   // of an invitation
	Search  string    `json:"search,omitempty"`  // text to search for in a list
	Owner   string    `json:"owner,omitempty"`   // of tokens
	Project string    `json:"project,omitempty"` // of tokens
	Unowned bool      `json:"unowned,omitempty"` // of projects
	After   string    `json:"after,omitempty"`   // Next of the page before
	Limit   int       `json:"limit,omitempty"`   // of a page
	Version string    `json:"version,omitempty"` // of a release of the project Name
	File    string    `json:"file,omitempty"`    // of the project Name
	Reason  string    `json:"reason,omitempty"`  // of a revocation, of a yank, of a quarantine, or of being read-only
	Vouched bool      `json:"vouched,omitempty"` // of a recovery
	On      bool      `json:"on,omitempty"`      // turns read-only mode on
	To      string    `json:"to,omitempty"`      // who may register: "open", "invite" or "default"
	Text    string    `json:"text,omitempty"`    // of the banner
	Level   string    `json:"level,omitempty"`   // of the banner
	Until   time.Time `json:"until,omitzero"`    // of the banner
}

// Refusal is the answer to a command that failed.
type Refusal struct {
	Error []Problem `json:"error"`
}

// Problem is one reason for a Refusal.
type Problem struct {
	Code  string `json:"code"`
	Field string `json:"field"` // field of the Request; "" if it is about the whole Request
	Text  string `json:"text"`
}

// Propagation says which verifiers have a change.
type Propagation struct {
	Connected int      `json:"connected"` // including the server's own verifier
	Applied   int      `json:"applied"`
	Behind    []string `json:"behind"`
	Away      []string `json:"away"`
}

// Done is the answer to a command that has no result of its own: it says what was changed.
type Done struct {
	Name      string       `json:"name"`
	Verifiers *Propagation `json:"verifiers,omitempty"`
	Sessions  *int         `json:"sessions,omitempty"` // how many sessions ended
	Ends      string       `json:"ends_at,omitempty"`  // when a recovery takes effect
	Version   string       `json:"version,omitempty"`  // of a release, as its first file spells it
	Later     bool         `json:"later,omitempty"`    // it is recorded, and could not be carried out yet
}

// Release is a release of a project, where this server keeps the files.
type Release struct {
	Version    string `json:"version"`
	UploadedAt string `json:"uploaded_at"` // of its first file
	Yanked     bool   `json:"yanked"`
	Reason     string `json:"yanked_reason"`
	Files      []File `json:"files"`
}

// File is an uploaded file.
type File struct {
	Name       string `json:"name"`
	Size       int64  `json:"size"`   // bytes
	SHA256     string `json:"sha256"` // hex
	UploadedAt string `json:"uploaded_at"`
}

// Releases are all releases of a project, the one that was uploaded last first.
type Releases struct {
	Releases []Release `json:"releases"`
}

// Person is an account. Times are RFC 3339, or "".
type Person struct {
	ID        string `json:"id"`
	Username  string `json:"username"`
	Email     string `json:"email"`
	Verified  bool   `json:"email_verified"`
	State     string `json:"state"` // "active", "pending" or "frozen"
	Admin     bool   `json:"administrator"`
	CreatedAt string `json:"created_at"`
}

// People is a page of accounts.
type People struct {
	People []Person `json:"people"`
	Next   string   `json:"next"` // "" on the last page
}

// PersonDetail is an account with its factors, sessions, tokens and projects.
type PersonDetail struct {
	Person
	TOTP       bool     `json:"authenticator_app"`
	Keys       int      `json:"security_keys"`
	CodesLeft  int      `json:"recovery_codes_left"`
	Sessions   int      `json:"sessions"`
	SignedInAt string   `json:"last_signed_in_at"`
	Tokens     int      `json:"tokens"` // unrevoked tokens
	Projects   []Member `json:"projects"`
	Recovery   string   `json:"recovery_ends_at"`
}

// Member is a user's role in a project.
type Member struct {
	Name string `json:"name"` // of the project, or of the user
	Role string `json:"role"`
}

// Project is a project.
type Project struct {
	Name      string   `json:"name"`
	Owners    []string `json:"owners"`
	Unowned   bool     `json:"without_active_owner"`
	Members   int      `json:"members"`
	Archived  bool     `json:"archived"`
	Status    string   `json:"status"` // "active", "deprecated", "archived" or "quarantined" (PEP 792)
	CreatedAt string   `json:"created_at"`
}

// Projects is a page of projects.
type Projects struct {
	Projects []Project `json:"projects"`
	Next     string    `json:"next"`
}

// Token is a token without its text.
type Token struct {
	ID         string   `json:"id"`
	Label      string   `json:"label"`
	Owner      string   `json:"owner"`
	Projects   []string `json:"projects"` // empty: all projects of its owner
	All        bool     `json:"all_projects"`
	Registers  bool     `json:"registers"` // it may register projects by their first upload
	State      string   `json:"state"`     // "active", "expired" or "revoked"
	CreatedAt  string   `json:"created_at"`
	ExpiresAt  string   `json:"expires_at"`
	LastUsedAt string   `json:"last_used_at"`
	RevokedAt  string   `json:"revoked_at"`
	Reason     string   `json:"revoked_reason"`
}

// Tokens is a page of tokens.
type Tokens struct {
	Tokens []Token `json:"tokens"`
	Next   string  `json:"next"`
}

// Verifier is a verifier without its secret.
type Verifier struct {
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	Connected bool    `json:"connected"`
	Astray    bool    `json:"other_history"` // its store, or the issuer's, was restored from a backup; it refuses uploads
	Lag       uint64  `json:"lag"`           // changes that it does not have yet
	Behind    float64 `json:"behind_seconds"`
	SeenAt    string  `json:"seen_at"`
	RevokedAt string  `json:"revoked_at"`
}

// Verifiers lists the verifiers.
type Verifiers struct {
	Verifiers []Verifier `json:"verifiers"`
}

// Secret is a secret that is shown once.
type Secret struct {
	Name   string `json:"name"`             // of the verifier, or the invited address
	Secret string `json:"secret,omitempty"` // of the verifier
	Link   string `json:"link,omitempty"`   // of the invitation
	Mailed bool   `json:"mailed,omitempty"` // the link was also sent by email
	Ends   string `json:"expires_at,omitempty"`
}

// Settings are the settings of the whole instance.
type Settings struct {
	ReadOnly      bool   `json:"read_only"`
	ReadOnlySince string `json:"read_only_since"`
	Reason        string `json:"read_only_reason"`
	Registration  string `json:"registration"` // "open" or "invite", the effective setting
	Configured    bool   `json:"registration_as_configured"`
	Banner        string `json:"banner"` // "" if no banner is shown
	BannerLevel   string `json:"banner_level"`
	BannerUntil   string `json:"banner_until"`
}
