package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/inspect"
	"github.com/rind-dev/rind/internal/limits"
	"github.com/rind-dev/rind/internal/text"
)

type restrictCmd struct {
	tokenInput
	limits.Flags
	JSON bool `name:"json" help:"Print one JSON object with the new token and its details."`
}

// Help documents what the flags come to together, and the JSON object.
func (restrictCmd) Help() string {
	return `Several values of one flag allow each of them; different flags must all hold. --file and --digest together allow the digests of all of them. ` +
		`The JSON object has token, and the fields of 'rind token inspect --json' about it.`
}

// Run prints the narrower token.
func (c restrictCmd) Run(s streams) error {
	now := time.Now()
	added, flagErr := c.Flags.Caveats(now)
	tokenText, err := c.read(s)
	if err == nil {
		_, err = token.Parse(tokenText)
		if err != nil {
			err = explain(err)
		}
	}
	if err := errors.Join(flagErr, err); err != nil {
		return err
	}
	if len(added) == 0 {
		return errors.New("nothing to restrict the token to: give at least one of --project, --version, --file, --digest, --expires, --network, --action")
	}
	narrower, err := token.Restrict(tokenText, added...)
	if err != nil {
		return notNarrowed(err)
	}
	t, err := token.Parse(narrower)
	if err != nil {
		return err
	}
	in := inspect.Inspect(t, now)
	for _, p := range in.Problems {
		fmt.Fprintln(s.err, "rind: warning: no verifier accepts the restricted token:", p)
	}
	if c.JSON {
		return text.JSON(s.out, struct {
			Token string `json:"token"`
			inspect.Inspection
		}{narrower, in})
	}
	_, err = fmt.Fprintln(s.out, narrower)
	return err
}

// notNarrowed returns an error that says why the token was not narrowed, and what to do.
func notNarrowed(err error) error {
	switch {
	case errors.Is(err, caveats.ErrMalformed), errors.Is(err, caveats.ErrUnknown):
		return fmt.Errorf("the token was not restricted: it has a caveat that verifiers of this version refuse, so they would refuse a restricted one too; 'rind token inspect' shows it (%w)", err)
	case errors.Is(err, token.ErrTooLarge), errors.Is(err, caveats.ErrUseless):
		return fmt.Errorf("the token was not restricted: the new one would be too large. Give fewer values: a token can have at most %d characters, %d caveats and %d bytes per caveat (%w)",
			token.MaxText, token.MaxCaveats, token.MaxCaveat, err)
	}
	return fmt.Errorf("the token was not restricted: %w", err)
}
