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
	"github.com/rind-dev/rind/issuer"
)

// restoredCmd is the operator's word that the store counts although it is older
// than what verifiers have seen.
type restoredCmd struct {
	groupAccess
	Data string `help:"Folder of everything that is kept." default:"data" placeholder:"DIR"`
}

// Help says what follows from it.
func (restoredCmd) Help() string {
	return `A store that was restored from a backup has another history than verifiers know: they notice, also when it has gone on past where they were, and decide nothing until this command or, for one of them, 'rind verifier reset'. ` +
		`It begins a new epoch: verifiers that connect forget what they know and take a snapshot of what the store has. What was revoked, frozen or removed behind the backup is good again: do it again at once after the start.`
}

// Run begins a new epoch. The server must not be running.
func (c restoredCmd) Run(ctx context.Context, s streams) error {
	cfg := config.Default()
	if err := cfg.Set("data", c.Data); err != nil {
		return err
	}
	path := filepath.Join(cfg.DataDir, storeFile)
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("there is no store to take as restored: %w", err)
	}
	store, err := boltkv.Open(path, boltkv.Options{GroupAccess: c.GroupAccess})
	if err != nil {
		return err
	}
	defer store.Close()
	if err := audit.Upgrade(ctx, store); err != nil {
		return err
	}
	pos, err := issuer.RaiseEpoch(ctx, store, audit.Actor{Username: "operator on this machine"}, time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "Epoch %d begins at revision %d: verifiers forget what they know and take the records of %s.\n"+
		"What was revoked, frozen or removed after the backup is good again: start rind and do it again.\n", pos.Epoch, pos.Revision, path)
	return err
}
