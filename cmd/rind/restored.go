package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// restoredCmd lets the operator declare the store valid although it is older
// than what verifiers have seen.
type restoredCmd struct {
	groupAccess
	Data   string `help:"Data folder with the restored store (default: data)." placeholder:"DIR" xor:"store"`
	Config string `help:"Settings file of 'rind serve', which names the restored store; for a database." placeholder:"FILE" xor:"store"`
}

// Help says what follows from it.
func (restoredCmd) Help() string {
	return `A store that was restored from a backup has a different history than verifiers know. They notice, and decide nothing until you run this command, or 'rind verifier reset' for one verifier. ` +
		`It begins a new epoch: verifiers that connect replace what they have with a snapshot of the store. Whatever was revoked, frozen or removed after the backup was made works again: start rind and do it again at once. ` +
		`A file must not be in use. Processes that use a database are stopped by it, and have to be started again.`
}

// settings returns those of the restored store.
func (c restoredCmd) settings() (cfg config.Config, err error) {
	cfg = config.Default()
	switch {
	case c.Config != "":
		cfg, err = config.Load(c.Config)
		if err == nil {
			err = cfg.Check()
		}
	case c.Data != "":
		err = cfg.Set("data", c.Data)
	}
	cfg.GroupAccess = cfg.GroupAccess || c.GroupAccess
	return cfg, err
}

// Run begins a new epoch.
func (c restoredCmd) Run(ctx context.Context, s streams) (err error) {
	cfg, err := c.settings()
	if err != nil {
		return err
	}
	if !cfg.Store.Remote() {
		if _, err := os.Stat(filepath.Join(cfg.DataDir, storeFile)); err != nil {
			return fmt.Errorf("there is no restored store: %w", err)
		}
	}
	store, err := openStore(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if cfg.Store.Remote() {
		if err := takeOver(ctx, store); err != nil {
			return err
		}
	}
	if err := audit.Upgrade(ctx, store); err != nil {
		return err
	}
	pos, err := ledger.RaiseEpoch(ctx, store, audit.Actor{Username: "operator on this machine"}, time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "Epoch %d begins at revision %d: verifiers replace what they have with the records of %s.\n"+
		"Whatever was revoked, frozen or removed after the backup was made works again: start rind and do it again.\n", pos.Epoch, pos.Revision, storeName(cfg))
	return err
}

// takeOver ends the use of a store by all other processes, so that they don't go on by an epoch that is over.
func takeOver(ctx context.Context, store kv.Store) error {
	begun, err := ledger.Begun(ctx, store)
	if err != nil {
		return err
	}
	if !begun {
		return errors.New("the database has no issuer yet: there is nothing to restore; does store.url name the restored one?")
	}
	stamp, err := store.Stamp(ctx)
	if err != nil {
		return err
	}
	stamp.Generation++
	return store.Restamp(ctx, stamp)
}
