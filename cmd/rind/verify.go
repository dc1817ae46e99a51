package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// Exit codes of 'rind token verify'.
const (
	exitAllow     = 0
	exitDeny      = 1
	exitUnchecked = 2
)

type verifyCmd struct {
	tokenInput
	Keys    string `help:"Root-key store, such as data/rootkeys.db; no other process may be writing it." required:"" placeholder:"FILE"`
	KeyFile string `help:"Key that its values are sealed with; default: rind.key beside the store." placeholder:"FILE"`
	Project string `help:"Project that the upload is for." placeholder:"NAME"`
	Version string `help:"Version that the upload is of." placeholder:"VERSION"`
	File    string `help:"File to upload: its name and its SHA-256 are what the token is held against." placeholder:"PATH"`
	Network string `name:"from" help:"Address that the upload comes from." placeholder:"ADDRESS"`
	Action  string `help:"What is to be done: upload or create." default:"upload" placeholder:"ACTION"`
	JSON    bool   `name:"json" help:"Print one JSON object."`
}

// verdict is what a check came to.
type verdict struct {
	Outcome  string    `json:"outcome"` // "allow", "deny" or "unavailable"
	TokenID  string    `json:"token_id,omitempty"`
	UserID   string    `json:"user_id,omitempty"`
	User     string    `json:"user,omitempty"`
	Project  string    `json:"project,omitempty"`
	Action   string    `json:"action,omitempty"`
	Expires  string    `json:"expires_at,omitempty"`
	Added    []string  `json:"added_by_holder,omitempty"`
	Failures []failure `json:"failures,omitempty"`
	Error    string    `json:"error,omitempty"`
	Current  string    `json:"store_heard_from_issuer_at,omitempty"`
}

type failure struct {
	Reason string `json:"reason"`
	Text   string `json:"text"`
}

// Run checks the token and exits with the outcome's code. Whatever keeps it from
// checking is "could not check", wrong flags included.
func (c verifyCmd) Run(ctx context.Context, s streams) error {
	v, code := c.check(ctx, s)
	if err := v.print(s, c.JSON); err != nil {
		return err
	}
	if code == exitAllow {
		return nil
	}
	return exitCode(code)
}

func (c verifyCmd) check(ctx context.Context, s streams) (verdict, int) {
	unchecked := func(err error) (verdict, int) {
		return verdict{Outcome: "unavailable", Error: err.Error()}, exitUnchecked
	}
	request, err := c.request()
	if err != nil {
		return unchecked(err)
	}
	text, err := c.read(s.in)
	if err != nil {
		return unchecked(err)
	}
	store, err := c.open()
	if err != nil {
		return unchecked(err)
	}
	defer store.Close()
	grant, err := verifier.New(store).Verify(ctx, text, request)
	var denial *verifier.Denial
	var v verdict
	code := exitAllow
	switch {
	case err == nil:
		v = allowed(grant)
	case errors.As(err, &denial):
		v, code = verdict{Outcome: "deny", TokenID: denial.TokenID}, exitDeny
		for _, f := range denial.Failures {
			v.Failures = append(v.Failures, failure{string(f.Reason), f.Text})
		}
	default:
		return unchecked(err)
	}
	if heard := store.LastHeard(); !heard.IsZero() {
		v.Current = heard.UTC().Format(time.RFC3339)
	}
	return v, code
}

// request is what the flags say of the upload. What they leave out satisfies no
// caveat about it.
func (c verifyCmd) request() (verifier.Request, error) {
	r := verifier.Request{Action: c.Action, Project: c.Project, Version: c.Version}
	var errs []error
	if c.Project != "" && !caveats.ValidProjectName(c.Project) {
		errs = append(errs, fmt.Errorf("--project %q is no project name", c.Project))
	}
	if c.Version != "" {
		errs = append(errs, versions([]string{c.Version}))
	}
	errs = append(errs, actions([]string{c.Action}))
	if c.Network != "" {
		var err error
		if r.ClientIP, err = netip.ParseAddr(c.Network); err != nil {
			errs = append(errs, fmt.Errorf("--from %q is no address", c.Network))
		}
	}
	if c.File != "" {
		names, digests, err := restrictCmd{File: []string{c.File}}.files()
		errs = append(errs, err)
		r.Filename, r.SHA256 = names[0], digests[0]
	}
	return r, errors.Join(errs...)
}

func (c verifyCmd) open() (*rootkeys.Store, error) {
	path := c.KeyFile
	if path == "" {
		path = filepath.Join(filepath.Dir(c.Keys), "rind.key")
	}
	key, err := seal.LoadKey(path, false)
	if err != nil {
		return nil, fmt.Errorf("%w; name the key of this store with --key-file", err)
	}
	return rootkeys.Open(c.Keys, rootkeys.Options{Key: key, ReadOnly: true})
}

func allowed(g verifier.Grant) verdict {
	v := verdict{
		Outcome: "allow", TokenID: g.TokenID, UserID: g.UserID, User: g.UserName,
		Project: g.Project, Action: g.Action, Added: g.Added,
	}
	if !g.ExpiresAt.IsZero() {
		v.Expires = g.ExpiresAt.UTC().Format(time.RFC3339)
	}
	return v
}

func (v verdict) print(s streams, asJSON bool) error {
	if asJSON {
		return printJSON(s.out, v)
	}
	var b strings.Builder
	switch v.Outcome {
	case "allow":
		fmt.Fprintf(&b, "allow: token %s of %s may %s to %s", v.TokenID, v.User, v.Action, v.Project)
		if v.Expires != "" {
			fmt.Fprintf(&b, " until %s", v.Expires)
		}
		b.WriteString("\n")
	case "deny":
		for _, f := range v.Failures {
			fmt.Fprintf(&b, "deny: %s (%s)\n", f.Text, f.Reason)
		}
	default:
		_, err := fmt.Fprintf(s.err, "rind: could not check: %s\n", v.Error)
		return err
	}
	_, err := fmt.Fprint(s.out, b.String())
	return err
}
