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
	Keys    string `help:"Root-key store to empty. No other process may be using it." required:"" placeholder:"FILE"`
	KeyFile string `help:"Key the store is sealed with (default: rind.key beside the store)." placeholder:"FILE"`
}

// Help says when this is right.
func (verifierResetCmd) Help() string {
	return `Use it if the store reports that its issuer has a different history: one of the two was restored from a backup. If it was the issuer, 'rind restored' there does the same for all verifiers at once. ` +
		`Use it also to follow another issuer. The store decides nothing until 'rind verifier follow', or the program that embeds it, has filled it from its issuer again; the issuer's data then counts. ` +
		`First stop the process that uses the store. The command asks for no confirmation.`
}

// Run empties the store.
func (c verifierResetCmd) Run(ctx context.Context, s streams) (err error) {
	if _, err := os.Stat(c.Keys); err != nil { // a missing store is not created
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
		_, err = fmt.Fprintf(s.out, "%s: it was empty; it is filled when it follows an issuer.\n", c.Keys)
		return err
	}
	why := ""
	if diverged {
		why = ", which differed from its issuer's history"
	}
	_, err = fmt.Fprintf(s.out, "%s: epoch %d, revision %d of %s was removed%s. The store decides nothing until it is filled again: start what follows the issuer.\n",
		c.Keys, was.Epoch, was.Revision, text.Line(was.Issuer), why)
	return err
}
