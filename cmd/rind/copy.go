package main

import (
	"context"
	"fmt"

	"github.com/rind-dev/rind/internal/private"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/internal/text"
)

type verifierCopyCmd struct {
	groupAccess
	Keys      string `help:"Root-key store to copy, which no other process writes to at present." required:"" placeholder:"FILE"`
	KeyFile   string `help:"Key that its values are sealed with; default: rind.key beside the store." placeholder:"FILE"`
	To        string `help:"File to write, which must not be there yet." required:"" placeholder:"FILE"`
	ToKeyFile string `help:"Key to seal the copy with; made where it is missing. Default: the store's own." placeholder:"FILE"`
}

// Help says what a copy is for, and what a copy of the file would give away.
func (verifierCopyCmd) Help() string {
	return `The copy holds the records that are there now and nothing else; a copy of the file itself also has what was deleted. ` +
		`It serves as a backup, or as the beginning of another verifier, which then only fetches what changed since. ` +
		`A process that keeps the store current has to be stopped first; it catches up when it comes back. The copy is as secret as the store.`
}

// Run copies.
func (c verifierCopyCmd) Run(ctx context.Context, s streams) error {
	store, err := c.openKeysFile(c.Keys, c.KeyFile, "", true)
	if err != nil {
		return err
	}
	defer store.Close()
	var key []byte
	if c.ToKeyFile != "" {
		if key, err = seal.LoadKeyFor(private.Of(c.GroupAccess), c.ToKeyFile, true); err != nil {
			return fmt.Errorf("--to-key-file: %w", err)
		}
	}
	if err := store.CopyTo(ctx, c.To, key); err != nil {
		return err
	}
	at := store.Position()
	_, err = fmt.Fprintf(s.out, "%s: epoch %d, revision %d of %s\n", c.To, at.Epoch, at.Revision, text.Line(either(at.Issuer, "nobody yet")))
	return err
}

// oldKey reads the key before the present one, where there is a file of it.
func (g groupAccess) oldKey(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	key, err := g.loadKey(path)
	if err != nil {
		return nil, fmt.Errorf("the old key: %w", err)
	}
	return key, nil
}
