package tokens

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// MaxText is the greatest length, in characters, of a token when it is issued. It is
// less than token.MaxText, so that the holder of any token can still narrow it.
const MaxText = token.MaxText - 1024

// Skew is how long before its minting a token with a life becomes valid, so that a
// verifier whose clock is a little behind accepts it.
const Skew = 60 * time.Second

// MintRequest says what token to mint. The user has to make each choice: there are no
// defaults.
type MintRequest struct {
	Label          string // 1 to MaxLabel characters, trimmed; no unrevoked token of the user has it, in any case of letters
	Scope          Scope
	Projects       []string // with ScopeChosen: names of projects in which the user has a role
	Register       string   // with ScopeChosen: name of a new project, which is registered and added to the token's; with Projects, 1 to MaxTokenProjects
	Registers      bool     // with ScopeAll: the token may register projects by their first upload
	Life           Life
	Expires        time.Time // with LifeUntil: a time in the future that the policy allows; fractions of a second are dropped
	Limits         Limits    // optional
	IdempotencyKey string    // mark of the form, 16 to 64 characters of base64url, so that the form makes only one token; "" for none
}

// Minted is a token that was just made.
type Minted struct {
	Token    Token
	Text     string // the secret; only this answer holds it, so hand it on and forget it
	Revision uint64 // a verifier that has applied it knows the token
}

// Mint makes a token for p. It returns all problems of the request at once, under
// the fields "label", "scope", "projects", "register", "registers", "life", "expires",
// "versions", "networks" and "actions"; a user with MaxTokens tokens gets
// "too_many_tokens" with no field. If the form has already made a token, the error is a
// RepeatedError, and if the user makes tokens too fast, a TooFastError.
func (s *Service) Mint(ctx context.Context, p ledger.Principal, req MintRequest) (Minted, error) {
	id, root, err := s.material()
	if err != nil {
		return Minted{}, err
	}
	defer clear(root)
	var out Minted
	rev, err := s.ledger.Update(ctx, func(c *ledger.Change) error {
		if err := errors.Join(c.Admit(p), checkIdempotencyKey(c, p, req.IdempotencyKey)); err != nil {
			return err
		}
		rec, err := s.draftToken(c, p, req)
		if err != nil {
			return err
		}
		if err := s.checkRate(c, p.UserID); err != nil {
			return err
		}
		out, err = s.mintToken(c, id, root, rec)
		if err != nil {
			return err
		}
		if err := recordIdempotencyKey(c, p, req.IdempotencyKey, id); err != nil {
			return err
		}
		if err := notifyOwner(c, p, notices.TokenMinted, id, rec); err != nil {
			return err
		}
		return auditToken(c, p, "minted", id, rec, nil)
	})
	if err != nil {
		return Minted{}, err
	}
	out.Revision = rev
	s.log.InfoContext(ctx, "token minted", "token", id, "user", p.UserID)
	return out, nil
}

// material makes the id and the root key of a new token. The caller has to wipe the root
// key.
func (s *Service) material() (id string, root []byte, err error) {
	id, err = s.ledger.NewID()
	if err != nil {
		return "", nil, err
	}
	root, err = s.ledger.Random(32)
	return id, root, err
}

// errDraft undoes the transaction of a draft, which must not change anything.
var errDraft = errors.New("tokens: only a draft")

// Draft returns the token that Mint would make from a request, without an id, or the
// problems that Mint would return. It changes nothing.
func (s *Service) Draft(ctx context.Context, p ledger.Principal, req MintRequest) (Token, error) {
	if err := s.drafts.take(p.UserID, s.clock()); err != nil {
		return Token{}, err
	}
	var out Token
	_, err := s.ledger.Update(ctx, func(c *ledger.Change) error {
		if err := c.Admit(p); err != nil {
			return err
		}
		rec, err := s.draftToken(c, p, req)
		if err != nil {
			return err
		}
		out, err = rec.view(c, "", p.Username, c.Now)
		if err != nil {
			return err
		}
		return errDraft
	})
	if !errors.Is(err, errDraft) {
		return Token{}, err
	}
	return out, nil
}

// draftToken checks a request against the rules and the store, and makes the token's
// record from it.
func (s *Service) draftToken(c *ledger.Change, p ledger.Principal, req MintRequest) (tokenRecord, error) {
	var ps problem.Problems
	rec := tokenRecord{User: p.UserID, Scope: req.Scope, Created: c.Now, Factor: p.Actor.Factor, Serial: c.Revision}
	var err error
	rec.Label = checkLabel(&ps, req.Label)
	if !ps.Has("label_required") {
		err = checkLabelFree(c, &ps, p.UserID, rec.Label)
		if err != nil {
			return rec, err
		}
	}
	rec.Projects, err = checkScope(c, &ps, p.UserID, req)
	if err != nil {
		return rec, err
	}
	err = s.registerChosen(c, &ps, p, req, &rec)
	if err != nil {
		return rec, err
	}
	rec.Expires = s.checkLife(&ps, req, c.Now)
	rec.Limits = checkLimits(&ps, req.Limits)
	rec.Registers = checkRegisters(&ps, req, rec.Limits)
	count, err := readTally(c, p.UserID)
	if err != nil {
		return rec, err
	}
	if count.Unrevoked >= MaxTokens {
		ps.Add("", "too_many_tokens", "max", MaxTokens)
	}
	if err := ps.Err(); err != nil {
		return rec, err
	}
	s.checkSize(c, &ps, rec)
	return rec, ps.Err()
}

// checkSize checks that the text of a token leaves room for caveats that its holder adds.
func (s *Service) checkSize(c *ledger.Change, ps *problem.Problems, rec tokenRecord) {
	if size := textSize(s.location, issuedCaveats(rec)); size > MaxText {
		ps.Add("projects", "projects_too_large", "count", len(rec.Projects), "size", size, "max", MaxText)
	}
}

func checkLabelFree(c *ledger.Change, ps *problem.Problems, userID, label string) error {
	if ps.Has("label_too_long") { // it would not fit into a key
		return nil
	}
	taken, err := kv.Exists(c, labelKey(userID, label))
	if taken {
		ps.Add("label", "label_taken", "label", label)
	}
	return err
}

// checkScope checks the choice of projects and resolves their names.
func checkScope(c *ledger.Change, ps *problem.Problems, userID string, req MintRequest) ([]projects.Ref, error) {
	switch {
	case req.Scope == "":
		ps.Add("scope", "scope_required")
		return nil, nil
	case req.Scope == ScopeAll:
		return nil, nil
	case req.Scope != ScopeChosen:
		ps.Add("scope", "scope_unknown")
		return nil, nil
	case req.count() == 0:
		ps.Add("projects", "projects_required")
		return nil, nil
	case req.count() > MaxTokenProjects:
		ps.Add("projects", "too_many_projects_chosen", "max", MaxTokenProjects, "count", req.count())
		return nil, nil
	}
	var refs []projects.Ref
	for _, name := range req.Projects {
		rec, err := projects.ByName(c, name)
		m, member := rec.Members[userID]
		switch {
		case errors.Is(err, ledger.ErrNotFound) || err == nil && !member:
			ps.Add("projects", "project_unknown", "project", ledger.Excerpt(name))
			continue
		case err != nil:
			return nil, err
		case !m.MayUpload():
			ps.Add("projects", "project_excluded", "project", rec.Name)
			continue
		}
		rec.CheckUploads(ps, "projects")
		refs = append(refs, projects.Ref{ID: rec.ID, Name: rec.Normalized})
	}
	slices.SortFunc(refs, func(a, b projects.Ref) int { return strings.Compare(a.Name, b.Name) })
	return slices.Compact(refs), nil
}

// count returns how many projects a request names.
func (req MintRequest) count() int {
	if strings.TrimSpace(req.Register) != "" {
		return len(req.Projects) + 1
	}
	return len(req.Projects)
}

// mintToken makes the macaroon and stores the token's records. The caller has to write the
// audit row.
func (s *Service) mintToken(c *ledger.Change, id string, root []byte, rec tokenRecord) (Minted, error) {
	cs := issuedCaveats(rec)
	t, err := token.Mint(root, id, s.location, cs)
	if err != nil {
		return Minted{}, fmt.Errorf("tokens: mint: %w", err)
	}
	text, err := t.Text()
	if err != nil {
		return Minted{}, fmt.Errorf("tokens: mint: %w", err)
	}
	chain := chainRecord{Location: s.location, Signature: s.sealer.Seal(nil, t.Signature[:], chainKey(id))}
	for _, cv := range cs {
		chain.Caveats = append(chain.Caveats, string(cv))
	}
	if err := putToken(c, id, rec, chain); err != nil {
		return Minted{}, err
	}
	user, err := ledger.ReadUser(c, rec.User)
	if err != nil {
		return Minted{}, err
	}
	view, err := rec.view(c, id, user.Name, c.Now)
	return Minted{Token: view, Text: text}, err
}

func putToken(c *ledger.Change, id string, rec tokenRecord, chain chainRecord) error {
	there, err := kv.Exists(c, tokenKey(id))
	if err != nil {
		return err
	}
	if there {
		return fmt.Errorf("tokens: a token has the id %s already", id)
	}
	if err := saveToken(c, id, rec); err != nil {
		return err
	}
	if err := kv.PutJSON(c, chainKey(id), chain); err != nil {
		return err
	}
	c.Changed(ledger.KindToken, id)
	if rec.Run != nil {
		return nil
	}
	if err := c.Put([]byte(labelKey(rec.User, rec.Label)), []byte(id)); err != nil {
		return err
	}
	if err := scheduleReminder(c, id, rec); err != nil {
		return err
	}
	return countTokens(c, rec.User, 1, 1)
}

// issuedCaveats returns the caveats of a new token in their order: user, project names,
// project ids, life, versions, networks, actions.
func issuedCaveats(rec tokenRecord) [][]byte {
	cs := append([][]byte{caveats.User(rec.User).Append(nil)}, projectCaveats(rec)...)
	if !rec.Expires.IsZero() {
		life := caveats.Life{ExpiresAt: rec.Expires.Unix(), NotBefore: rec.Created.Add(-Skew).Unix()}
		cs = append(cs, life.Append(nil))
	}
	return append(append(cs, rec.Limits.caveats()...), rec.Run.caveats()...)
}

// currentCaveats returns caveats for what a token can do now, except for its life.
func currentCaveats(rec tokenRecord) [][]byte {
	return append(append(projectCaveats(rec), rec.Limits.caveats()...), rec.Run.caveats()...)
}

func projectCaveats(rec tokenRecord) [][]byte {
	if rec.Scope != ScopeChosen {
		return nil
	}
	var names caveats.ProjectNames
	var ids caveats.ProjectIDs
	for _, p := range rec.Projects {
		names, ids = append(names, p.Name), append(ids, p.ID)
	}
	return [][]byte{names.Append(nil), ids.Append(nil)}
}

func projectNames(refs []projects.Ref) []string {
	names := make([]string, len(refs))
	for i, p := range refs {
		names[i] = p.Name
	}
	return names
}
