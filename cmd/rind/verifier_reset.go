package main

import (
	"context"
	"fmt"
	"os"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/text"
)

type verifierResetCmd struct {
	groupAccess
	Keys    string `help:"Root-key store to forget what is in, which no other process holds." required:"" placeholder:"FILE"`
	KeyFile string `help:"Key that its values are sealed with; default: rind.key beside the store." placeholder:"FILE"`
}

// Help says when this is right.
func (verifierResetCmd) Help() string {
	return `It is for a store that says that its issuer has another history: one of the two was restored from a backup. Where it was the issuer, 'rind restored' there does the same for all verifiers at once. ` +
		`It is also for a store that is to follow another issuer. The store decides nothing until 'rind verifier follow', or the program that embeds it, has filled it from its issuer again; what the issuer says then counts. ` +
		`A process that holds the store has to be stopped first. Nothing is asked.`
}

// Run empties the store.
func (c verifierResetCmd) Run(ctx context.Context, s streams) (err error) {
	if _, err := os.Stat(c.Keys); err != nil { // one that is not there is not made
		return fmt.Errorf("there is no store to reset: %w", err)
	}
	store, err := c.openKeysFile(c.Keys, c.KeyFile, "", false)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := store.Close(); err == nil {
			err = cerr
		}
	}()
	was, diverged := store.Position(), store.Diverged()
	if err := store.Reset(ctx); err != nil {
		return err
	}
	if was == (feed.Position{}) {
		_, err = fmt.Fprintf(s.out, "%s: nothing was in it; it is filled when an issuer is followed.\n", c.Keys)
		return err
	}
	why := ""
	if diverged {
		why = ", which parted from its issuer's history"
	}
	_, err = fmt.Fprintf(s.out, "%s: epoch %d, revision %d of %s is forgotten%s. It decides nothing until it is filled anew: start what follows the issuer.\n",
		c.Keys, was.Epoch, was.Revision, text.Line(was.Issuer), why)
	return err
}
