package tokens

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// Limits of the tokens of jobs.
const (
	RunLife    = 15 * time.Minute // as PyPI's
	MaxDigests = 50               // that a job's token can name: more do not fit
)

// Runs manages the tokens of jobs.
type Runs struct {
	s   *Service
	use func(tx kv.Tx, id string, run Run, use Use) error // see OnUse; may be nil
}

// Run is the job of a CI system that a token was minted for, as its ID token describes it. Its texts come from outside; any may be "".
type Run struct {
	Publisher   string   `json:"publisher"`             // id of the publisher that let it
	Issuer      string   `json:"issuer"`                // URL of the issuer of its ID token
	Repository  string   `json:"repository,omitempty"`  // or what the issuer has instead
	Workflow    string   `json:"workflow,omitempty"`    // file
	Environment string   `json:"environment,omitempty"` // of the deployment
	Event       string   `json:"event,omitempty"`       // that started it
	Ref         string   `json:"ref,omitempty"`         // "refs/tags/v1"
	Commit      string   `json:"commit,omitempty"`      // hex
	Actor       string   `json:"actor,omitempty"`       // account at the CI system that started it
	ID          string   `json:"id,omitempty"`          // of the run, for people
	URL         string   `json:"url,omitempty"`         // page of the run; https
	Digests     []string `json:"digests,omitempty"`     // SHA-256 that the token is for
}

// caveats returns those that only jobs' tokens have. r may be nil.
func (r *Run) caveats() [][]byte {
	if r == nil || len(r.Digests) == 0 {
		return nil
	}
	return [][]byte{caveats.Digests(r.Digests).Append(nil)}
}

// detail returns what audit rows say of the job.
func (r *Run) detail() map[string]string {
	out := map[string]string{}
	for name, v := range map[string]string{
		"publisher": r.Publisher, "issuer": r.Issuer, "repository": r.Repository, "workflow": r.Workflow, "environment": r.Environment,
		"event": r.Event, "ref": r.Ref, "commit": r.Commit, "run": r.URL, "started_by": r.Actor,
	} {
		if v != "" {
			out[name] = v
		}
	}
	if len(r.Digests) > 0 {
		out["digests"] = fmt.Sprint(len(r.Digests))
	}
	return out
}

// RunRequest says what token to mint for a job.
type RunRequest struct {
	User     string         // id of the user whose token it is: the owner who vouches for the publisher
	Projects []projects.Ref // at least one
	Label    string         // made from the job; may repeat
	Limits   Limits         // Actions is set to upload
	Run      Run
	Actor    audit.Actor // where the request came from
}

// Mint mints a token for a job, within the change that let it: the caller has checked that the user owns the projects.
// It lives for RunLife and only uploads. It counts toward no limit of its user, its label is not reserved, and nobody can rename,
// replace or narrow it on the server. Problems have the field "digests", "versions" or "networks".
func (x *Runs) Mint(c *ledger.Change, req RunRequest) (Minted, error) {
	s := x.s
	id, root, err := s.material()
	if err != nil {
		return Minted{}, err
	}
	defer clear(root)
	var ps problem.Problems
	run := req.Run
	run.Digests = checkDigests(&ps, run.Digests)
	limits := checkLimits(&ps, req.Limits)
	limits.Actions = []string{caveats.ActionUpload}
	rec := tokenRecord{
		User: req.User, Label: ledger.Excerpt(req.Label), Scope: ScopeChosen, Projects: sortedRefs(req.Projects), Limits: limits,
		Created: c.Now, Expires: c.Now.Add(RunLife).Truncate(time.Second), Serial: c.Revision, Run: &run,
	}
	s.checkSize(c, &ps, rec)
	if err := ps.Err(); err != nil {
		return Minted{}, err
	}
	if len(rec.Projects) == 0 {
		return Minted{}, errors.New("tokens: a job's token without a project")
	}
	out, err := s.mintToken(c, id, root, rec)
	if err != nil {
		return Minted{}, err
	}
	if err := c.Put(runEndKey(rec.Expires.Unix(), id), nil); err != nil {
		return Minted{}, err
	}
	out.Revision = c.Revision
	return out, auditToken(c, ledger.Principal{Actor: req.Actor}, "exchanged", id, rec, run.detail())
}

func sortedRefs(refs []projects.Ref) []projects.Ref {
	out := slices.Clone(refs)
	slices.SortFunc(out, func(a, b projects.Ref) int { return strings.Compare(a.Name, b.Name) })
	return slices.Compact(out)
}

// checkDigests checks the digests that a job sent, and drops repeats.
func checkDigests(ps *problem.Problems, in []string) (out []string) {
	for _, d := range in {
		if caveats.Validate(caveats.Digests{d}) != nil {
			ps.Add("digests", "digest_invalid", "value", ledger.Excerpt(d))
			return nil
		}
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
		if len(out) > MaxDigests {
			ps.Add("digests", "too_many_digests", "max", MaxDigests, "count", len(in))
			return nil
		}
	}
	return out
}

// End revokes a job's token because its publisher no longer vouches for it. why follows "revoked". A token that is over stays
// as it is.
func (*Runs) End(c *ledger.Change, p ledger.Principal, id, why string) error {
	rec, err := readToken(c, id)
	if errors.Is(err, kv.ErrNotFound) || err == nil && (rec.Run == nil || rec.state(c.Now) != StateActive) {
		return nil
	}
	if err != nil {
		return err
	}
	err = endToken(c, id, &rec, Revocation{At: c.Now, By: p.UserID, Username: p.Username, Why: why})
	if err != nil {
		return err
	}
	return auditToken(c, p, "revoked", id, rec, nil)
}

// OnUse has fn called in the transaction that records the use of a job's token. Call it before the Service is used.
func (x *Runs) OnUse(fn func(tx kv.Tx, id string, run Run, use Use) error) { x.use = fn }

// RunOf returns the job that a token was minted for, and its projects. ok is false if a person minted it, or there is none.
func RunOf(r kv.Reader, id string) (run Run, refs []projects.Ref, ok bool, err error) {
	rec, err := readToken(r, id)
	if errors.Is(err, kv.ErrNotFound) || err == nil && rec.Run == nil {
		return Run{}, nil, false, nil
	}
	if err != nil {
		return Run{}, nil, false, err
	}
	return *rec.Run, rec.Projects, true, nil
}

// forget removes expired tokens of jobs from the lists of their users. Their records stay, for verifiers and the trail.
func (x *Runs) forget(ctx context.Context) error {
	return kv.Sweep(ctx, x.s.store.Update, keyRunEnd, func(tx kv.Tx, p kv.Pair) (more bool, err error) {
		at := p.Key[len(keyRunEnd):]
		switch {
		case len(at) <= 8:
			return false, fmt.Errorf("tokens: the key %q is damaged: restore the store from a backup", p.Key)
		case int64(binary.BigEndian.Uint64(at)) > x.s.clock().Unix():
			return false, nil
		}
		return true, forgetRun(tx, p.Key, string(at[8:]))
	})
}

func forgetRun(tx kv.Tx, key []byte, id string) error {
	rec, err := readToken(tx, id)
	if err != nil {
		return err
	}
	if err := tx.Delete(ownedKey(rec.User, rec.Serial)); err != nil {
		return err
	}
	return tx.Delete(key)
}
