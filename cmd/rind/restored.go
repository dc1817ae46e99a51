package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// restoredCmd lets the operator declare the store valid although it is older
// than what verifiers have seen.
type restoredCmd struct {
	groupAccess
	Data string `help:"Data folder." default:"data" placeholder:"DIR"`
}

// Help says what follows from it.
func (restoredCmd) Help() string {
	return `A store that was restored from a backup has a different history than verifiers know. They notice, and decide nothing until you run this command, or 'rind verifier reset' for one verifier. ` +
		`It begins a new epoch: verifiers that connect replace what they have with a snapshot of the store. Whatever was revoked, frozen or removed after the backup was made works again: start rind and do it again at once.`
}

// Run begins a new epoch. The server must not be running.
func (c restoredCmd) Run(ctx context.Context, s streams) error {
	cfg := config.Default()
	if err := cfg.Set("data", c.Data); err != nil {
		return err
	}
	path := filepath.Join(cfg.DataDir, storeFile)
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("there is no restored store: %w", err)
	}
	store, err := boltkv.Open(path, boltkv.Options{GroupAccess: c.GroupAccess})
	if err != nil {
		return err
	}
	defer store.Close()
	if err := audit.Upgrade(ctx, store); err != nil {
		return err
	}
	pos, err := ledger.RaiseEpoch(ctx, store, audit.Actor{Username: "operator on this machine"}, time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "Epoch %d begins at revision %d: verifiers replace what they have with the records of %s.\n"+
		"Whatever was revoked, frozen or removed after the backup was made works again: start rind and do it again.\n", pos.Epoch, pos.Revision, path)
	return err
}
