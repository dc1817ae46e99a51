package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/limits"
	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/internal/verifierstatus"
	"github.com/rind-dev/rind/verifier"
)

// Exit codes of 'rind token verify'.
const (
	exitAllow     = 0
	exitDeny      = 1
	exitUnchecked = 2
)

type verifyCmd struct {
	tokenInput
	staleness
	groupAccess
	Keys    string `help:"Root-key store, such as data/rootkeys.db. No other process may be writing to it." required:"" placeholder:"FILE"`
	KeyFile string `help:"Key the store is sealed with (default: rind.key beside the store)." placeholder:"FILE"`
	Project string `help:"Project of the upload." placeholder:"NAME"`
	Version string `help:"Version of the upload." placeholder:"VERSION"`
	File    string `help:"File to upload. The token is checked against its name and its SHA-256." placeholder:"PATH"`
	From    string `help:"IP address the upload comes from." placeholder:"ADDRESS"`
	Action  string `help:"Action to check: upload, stage or create (default: upload)." default:"upload" placeholder:"ACTION"`
	JSON    bool   `name:"json" help:"Print one JSON object."`
}

// Help documents the JSON object.
func (verifyCmd) Help() string {
	return `A caveat about something that no flag gives is not satisfied. ` +
		`The exit code is 0 if the token allows it, 1 if it does not, and 2 if that could not be checked: a store that 'rind verifier status' calls unusable decides nothing. ` +
		`The JSON object has outcome ("allow", "deny" or "unavailable"), token_id, user_id, user, project, action, expires_at ("" if unknown or never), ` +
		`added_by_holder (what a holder added, in words), failures (why not: reason and text each), error (why it could not be checked), ` +
		`and store_heard_from_issuer_at (when the store was last up to date; "" if never). Times are RFC 3339 in UTC.`
}

// verdict is the result of a check. All fields are always present.
type verdict struct {
	Outcome  string    `json:"outcome"` // "allow", "deny" or "unavailable"
	TokenID  string    `json:"token_id"`
	UserID   string    `json:"user_id"`
	User     string    `json:"user"`
	Project  string    `json:"project"`
	Action   string    `json:"action"`
	Expires  string    `json:"expires_at"`
	Added    []string  `json:"added_by_holder"`
	Failures []failure `json:"failures"`
	Error    string    `json:"error"`
	Current  string    `json:"store_heard_from_issuer_at"`
}

type failure struct {
	Reason string `json:"reason"`
	Text   string `json:"text"`
}

// Run checks the token and exits with the outcome's code. Anything that keeps it from
// checking, or from printing the result, is "could not check", including wrong
// flags.
func (c verifyCmd) Run(ctx context.Context, s streams) error {
	v, code := c.check(ctx, s)
	if err := v.print(s, c.JSON); err != nil {
		complain(s.err, err)
		return exitCode(exitUnchecked)
	}
	if code == exitAllow {
		return nil
	}
	return exitCode(code)
}

func (c verifyCmd) check(ctx context.Context, s streams) (verdict, int) {
	unchecked := func(err error) (verdict, int) {
		v := newVerdict("unavailable")
		v.Error = err.Error()
		return v, exitUnchecked
	}
	request, flagErr := c.request()
	tokenText, err := c.read(s)
	if err := errors.Join(flagErr, err); err != nil {
		return unchecked(err)
	}
	store, err := c.openKeysFile(c.Keys, c.KeyFile, "", true)
	if err != nil {
		return unchecked(err)
	}
	defer store.Close()
	grant, err := verifier.New(verifierstatus.Store{Store: store, MaxStaleness: c.MaxStaleness}).Verify(ctx, tokenText, request)
	var denial *verifier.Denial
	var v verdict
	code := exitAllow
	switch {
	case err == nil:
		v = allowed(grant)
	case errors.As(err, &denial):
		v, code = denied(denial), exitDeny
	default:
		v, code = unchecked(err)
	}
	if heard := store.LastHeard(); !heard.IsZero() {
		v.Current = heard.UTC().Format(time.RFC3339)
	}
	return v, code
}

// request returns the upload that the flags describe. What they leave out satisfies no
// caveat about it.
func (c verifyCmd) request() (verifier.Request, error) {
	r := verifier.Request{Action: c.Action, Project: c.Project, Version: c.Version}
	var errs []error
	if c.Project != "" {
		errs = append(errs, limits.Project(c.Project))
	}
	if c.Version != "" {
		errs = append(errs, limits.Version(c.Version))
	}
	errs = append(errs, limits.Action(c.Action))
	if c.From != "" {
		var err error
		r.ClientIP, err = netip.ParseAddr(c.From)
		if err != nil {
			errs = append(errs, fmt.Errorf("--from %q is not an address, like 192.0.2.1", c.From))
		}
	}
	if c.File != "" {
		var err error
		r.Filename, r.SHA256, err = limits.File(c.File)
		errs = append(errs, err)
	}
	return r, errors.Join(errs...)
}

func newVerdict(outcome string) verdict {
	return verdict{Outcome: outcome, Added: []string{}, Failures: []failure{}}
}

func allowed(g verifier.Grant) verdict {
	v := newVerdict("allow")
	v.TokenID, v.UserID, v.User, v.Project, v.Action = g.TokenID, g.UserID, g.UserName, g.Project, g.Action
	v.Added = append(v.Added, g.Added()...)
	if !g.ExpiresAt.IsZero() {
		v.Expires = g.ExpiresAt.UTC().Format(time.RFC3339)
	}
	return v
}

func denied(d *verifier.Denial) verdict {
	v := newVerdict("deny")
	v.TokenID = d.TokenID
	for _, f := range d.Failures {
		v.Failures = append(v.Failures, failure{string(f.Reason), f.Text})
	}
	return v
}

func (v verdict) print(s streams, asJSON bool) error {
	if asJSON {
		return text.JSON(s.out, v)
	}
	var b strings.Builder
	switch v.Outcome {
	case "allow":
		what := v.Action + " to"
		if v.Action == caveats.ActionCreate {
			what = "create"
		}
		fmt.Fprintf(&b, "allow: token %s of %s may %s %s", v.TokenID, text.Line(v.User), what, v.Project)
		if v.Expires != "" {
			fmt.Fprintf(&b, " until %s", v.Expires)
		}
		b.WriteString("\n")
	case "deny":
		for _, f := range v.Failures {
			fmt.Fprintf(&b, "deny: %s (%s)\n", f.Text, f.Reason)
		}
	default:
		complain(s.err, fmt.Errorf("could not check: %s", v.Error))
		return nil
	}
	if v.Current != "" {
		fmt.Fprintf(&b, "The store was last up to date at %s.\n", v.Current)
	}
	_, err := io.WriteString(s.out, b.String())
	return err
}
