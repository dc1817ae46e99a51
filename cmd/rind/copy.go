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
	Keys      string `help:"Root-key store to copy. No other process may be writing to it." required:"" placeholder:"FILE"`
	KeyFile   string `help:"Key the store is sealed with (default: rind.key beside the store)." placeholder:"FILE"`
	To        string `help:"File to write. It must not exist yet." required:"" placeholder:"FILE"`
	ToKeyFile string `help:"Key to seal the copy with, created if it is missing (default: the store's own key)." placeholder:"FILE"`
}

// Help says what a copy is for, and what a copy of the file would give away.
func (verifierCopyCmd) Help() string {
	return `The copy holds only the current records; a copy of the file itself also contains deleted ones. ` +
		`Use it as a backup, or to start another verifier, which then fetches only what has changed since. ` +
		`First stop the process that keeps the store up to date; it catches up when it starts again. The copy is as secret as the store.`
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
		key, err = seal.LoadKeyFor(private.Of(c.GroupAccess), c.ToKeyFile, true)
		if err != nil {
			return fmt.Errorf("--to-key-file: %w", err)
		}
	}
	if err := store.CopyTo(ctx, c.To, key); err != nil {
		return err
	}
	at := store.Position()
	_, err = fmt.Fprintf(s.out, "%s: epoch %d, revision %d of %s\n", c.To, at.Epoch, at.Revision, text.Line(either(at.Issuer, "no issuer yet")))
	return err
}

// oldKey reads the previous key, if it has a file.
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
