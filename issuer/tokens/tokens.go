package tokens

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// Limits of tokens.
const (
	MaxLabel         = 100    // characters of a label
	MaxTokenProjects = 50     // projects that a token names
	MaxTokens        = 10_000 // unrevoked tokens of a user, including expired ones
)

// Scope says which projects a token is for. At any moment, it reaches those of them in
// which its owner has a role.
type Scope string

// The scopes; there is no default.
const (
	ScopeAll    Scope = "all"    // all projects of the owner, including future ones
	ScopeChosen Scope = "chosen" // the projects named at minting
)

// State is the state of a token at a moment.
type State string

// The states. A revoked token stays StateRevoked even after it would have expired.
const (
	StateActive  State = "active"
	StateExpired State = "expired"
	StateRevoked State = "revoked"
)

// Token describes a token for display. It holds no secret.
type Token struct {
	ID       string // UUID, the macaroon's identifier
	UserID   string
	UserName string // as it is now
	Label    string
	Scope    Scope
	Projects []projects.Ref // sorted by name; empty with ScopeAll
	Limits   Limits

	Registers bool // it may register projects by their first upload

	Created  time.Time
	Factor   string     // second factor of the session that minted it
	Expires  time.Time  // whole second; zero: never
	State    State      // when it was read
	Revoked  Revocation // zero: not revoked
	Narrowed time.Time  // when it was last narrowed; zero: not since it was minted
	Replaced string     // id of the token that replaced it; "" if none did
	LastUsed Use        // zero: not used yet
	Run      *Run       // the job that it was minted for; nil: a person minted it
}

// Revocation says who revoked a token, when and why.
type Revocation struct {
	At       time.Time `json:"at,omitzero"`
	By       string    `json:"by,omitempty"`       // id of the user
	Username string    `json:"username,omitempty"` // name of that user at the time
	Why      string    `json:"why,omitempty"`      // follows "revoked": "by its owner", "by an administrator"
	Reason   string    `json:"reason,omitempty"`   // given by an administrator; "" if none was given
}

// tokenRecord is a token in the store, except for its chainRecord. Scope, Projects,
// Limits, Registers and Expires are the current ones; the chainRecord holds what was issued, which
// may have been wider.
type tokenRecord struct {
	User      string         `json:"user"`
	Label     string         `json:"label"`
	Scope     Scope          `json:"scope"`
	Projects  []projects.Ref `json:"projects,omitempty"`
	Limits    Limits         `json:"limits,omitzero"`
	Registers bool           `json:"registers,omitempty"` // see registers
	Created   time.Time      `json:"created"`
	Factor    string         `json:"factor,omitempty"`
	Expires   time.Time      `json:"expires,omitzero"`
	Revoked   Revocation     `json:"revoked,omitzero"`
	Narrowed  time.Time      `json:"narrowed,omitzero"`
	Replaced  string         `json:"replaced,omitempty"`
	Serial    uint64         `json:"serial"` // revision at which it was minted
	Run       *Run           `json:"run,omitempty"`
}

// chainRecord is the part of a token's data that verifiers check the token's text against.
type chainRecord struct {
	Location  string   `json:"location"`
	Caveats   []string `json:"caveats"`   // as issued
	Signature []byte   `json:"signature"` // the signature after the caveats; sealed, with the record's key as associated data
}

// tally counts a user's tokens.
type tally struct {
	Total     int `json:"total"`
	Unrevoked int `json:"unrevoked"`
}

// Page asks for a page of a list.
type Page struct {
	After string // id of the last token of the page before; "" for the first page
	Limit int    // 0 means 50; at most MaxPage
}

// TokenPage is a page of a list of tokens.
type TokenPage struct {
	Tokens    []Token // newest first
	Next      string  // After of the next page; "" on the last
	Total     int     // tokens on all pages
	Unrevoked int     // unrevoked tokens on all pages
}

// List lists a user's tokens, including expired and revoked ones.
func (s *Service) List(ctx context.Context, userID string, page Page) (TokenPage, error) {
	limit := ledger.PageSize(page.Limit)
	now := s.clock()
	var out TokenPage
	err := s.store.View(ctx, func(r kv.Reader) error {
		out = TokenPage{}
		count, err := readTally(r, userID)
		if err != nil {
			return err
		}
		out.Total, out.Unrevoked = count.Total, count.Unrevoked
		ids, next, err := ownedIDs(r, userID, page.After, limit)
		if err != nil {
			return err
		}
		out.Next = next
		out.Tokens, err = viewTokens(r, ids, now)
		return err
	})
	return out, err
}

// pagePosition returns the index key after which a page starts, given Page.After.
func pagePosition(r kv.Reader, userID, after string) ([]byte, error) {
	if after == "" {
		return nil, nil
	}
	rec, err := readToken(r, after)
	if errors.Is(err, kv.ErrNotFound) || err == nil && rec.User != userID {
		return nil, ledger.ErrNotFound
	}
	return ownedKey(userID, rec.Serial), err
}

// ownedIDs returns the ids of a page of a user's tokens, newest first, and After of the next page.
func ownedIDs(r kv.Reader, userID, after string, limit int) (ids []string, next string, err error) {
	start, err := pagePosition(r, userID, after)
	if err != nil {
		return nil, "", err
	}
	pairs, err := r.Scan(ownedPrefix(userID), start, limit+1, true)
	if err != nil {
		return nil, "", err
	}
	ids = make([]string, min(limit, len(pairs)))
	for i := range ids {
		l, err := decodeIndexEntry(pairs[i])
		if err != nil {
			return nil, "", err
		}
		ids[i] = l.id
	}
	if len(pairs) > limit {
		next = ids[limit-1]
	}
	return ids, next, nil
}

// viewTokens reads tokens for display. All of them have to exist.
func viewTokens(r kv.Reader, ids []string, now time.Time) ([]Token, error) {
	r, err := readAhead(r, ids, useKey)
	if err != nil {
		return nil, err
	}
	out := make([]Token, len(ids))
	for i, id := range ids {
		rec, err := readToken(r, id)
		if err != nil {
			return nil, fmt.Errorf("tokens: token %s: %w", id, err)
		}
		user, err := ledger.ReadUser(r, rec.User)
		if err != nil {
			return nil, err
		}
		out[i], err = rec.view(r, id, user.Name, now)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// readAhead reads the tokens of a page, what is under another key of each, and their owners, in two round trips.
func readAhead(r kv.Reader, ids []string, also func(id string) string) (kv.Reader, error) {
	keys := make([]string, 0, 2*len(ids))
	for _, id := range ids {
		keys = append(keys, tokenKey(id), also(id))
	}
	r, err := kv.Ahead(r, keys)
	if err != nil {
		return nil, err
	}
	keys = keys[:0]
	for _, id := range ids {
		rec, err := readToken(r, id)
		if err != nil {
			return nil, fmt.Errorf("tokens: token %s: %w", id, err)
		}
		keys = append(keys, ledger.UserKey(rec.User))
	}
	return kv.Ahead(r, keys)
}

// Get returns a token to its owner and to administrators; others get
// ErrNotFound.
func (s *Service) Get(ctx context.Context, p ledger.Principal, id string) (Token, error) {
	now := s.clock()
	var out Token
	err := s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		rec, err := visibleToken(r, p, id)
		if err != nil {
			return err
		}
		user, err := ledger.ReadUser(r, rec.User)
		if err != nil {
			return err
		}
		out, err = rec.view(r, id, user.Name, now)
		return err
	})
	return out, err
}

// visibleToken reads a token if p may see it, or returns ErrNotFound.
func visibleToken(r kv.Reader, p ledger.Principal, id string) (tokenRecord, error) {
	rec, err := readToken(r, id)
	if errors.Is(err, kv.ErrNotFound) || err == nil && rec.User != p.UserID && !p.Admin {
		return tokenRecord{}, ledger.ErrNotFound
	}
	return rec, err
}

// readToken reads a token by its id, or returns kv.ErrNotFound. The id may come from
// outside and need not be valid.
func readToken(r kv.Reader, id string) (rec tokenRecord, err error) {
	if len(id) > 36 {
		return rec, kv.ErrNotFound
	}
	err = kv.GetJSON(r, tokenKey(id), &rec)
	return rec, err
}

func readTally(r kv.Reader, userID string) (t tally, err error) {
	err = kv.GetJSON(r, tallyKey(userID), &t)
	if errors.Is(err, kv.ErrNotFound) {
		return tally{}, nil
	}
	return t, err
}

// view returns the token for display.
func (rec tokenRecord) view(r kv.Reader, id, userName string, now time.Time) (Token, error) {
	use, err := readUse(r, id)
	return Token{
		ID: id, UserID: rec.User, UserName: userName, Label: rec.Label,
		Scope: rec.Scope, Projects: rec.Projects, Created: rec.Created, Factor: rec.Factor,
		Limits: rec.Limits, Expires: rec.Expires, State: rec.state(now), Revoked: rec.Revoked,
		Registers: rec.registers(), Narrowed: rec.Narrowed, Replaced: rec.Replaced, LastUsed: use, Run: rec.Run,
	}, err
}

// state returns the state of the token. It compares whole seconds, as the life caveat does.
func (rec tokenRecord) state(now time.Time) State {
	switch {
	case !rec.Revoked.At.IsZero():
		return StateRevoked
	case !rec.Expires.IsZero() && now.Unix() >= rec.Expires.Unix():
		return StateExpired
	}
	return StateActive
}
