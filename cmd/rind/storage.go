package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/kv/move"
	"github.com/rind-dev/rind/internal/kv/pgkv"
	"github.com/rind-dev/rind/internal/private"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer/ledger"
)

// storeWait is how long a start waits for a database that is not there yet, as after a power cut.
const storeWait = time.Minute

// openSealed opens the store that the settings name and reads the key that its secrets are sealed with. It makes a
// key only for a store that has no issuer yet.
func openSealed(ctx context.Context, cfg config.Config, log *slog.Logger) (kv.Store, []byte, error) {
	if !cfg.Store.Remote() {
		fresh, err := isFresh(cfg)
		if err != nil {
			return nil, nil, err
		}
		key, err := loadKey(cfg, fresh)
		if err != nil {
			return nil, nil, err
		}
		store, err := openStore(ctx, cfg)
		return store, key, err
	}
	store, err := waitForDatabase(ctx, cfg, log)
	if err != nil {
		return nil, nil, err
	}
	var key []byte
	err = move.Check(ctx, store)
	if err == nil {
		key, err = databaseKey(ctx, cfg, store)
	}
	if err == nil {
		err = kv.RaiseLayout(ctx, store, kv.Layout)
	}
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return store, key, nil
}

// openStore opens the store that the settings name, unless it was moved, and ends its use by processes of an older layout.
func openStore(ctx context.Context, cfg config.Config) (kv.Store, error) {
	store, err := openUnchecked(ctx, cfg)
	if err != nil {
		return nil, err
	}
	err = move.Check(ctx, store)
	if err == nil {
		err = kv.RaiseLayout(ctx, store, kv.Layout)
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

// openUnchecked is openStore also for one that was moved.
func openUnchecked(ctx context.Context, cfg config.Config) (kv.Store, error) {
	if !cfg.Store.Remote() {
		return openFile(cfg)
	}
	return openDatabase(ctx, cfg)
}

func openFile(cfg config.Config) (kv.Store, error) {
	store, err := boltkv.Open(filepath.Join(cfg.DataDir, storeFile), boltkv.Options{GroupAccess: cfg.GroupAccess})
	if err != nil {
		return nil, err // without a store: an interface that holds a nil pointer is not nil
	}
	return store, nil
}

func openDatabase(ctx context.Context, cfg config.Config) (*pgkv.Store, error) {
	address, password, err := cfg.Store.Address(private.Of(cfg.GroupAccess))
	if err != nil {
		return nil, err
	}
	return pgkv.Open(ctx, pgkv.Options{URL: address, Password: password})
}

// waitForDatabase opens the database, tries again where it can't be reached, and logs what it has found.
func waitForDatabase(ctx context.Context, cfg config.Config, log *slog.Logger) (*pgkv.Store, error) {
	for until := time.Now().Add(storeWait); ; {
		store, err := openDatabase(ctx, cfg)
		if err == nil {
			logFound(store.Found(), log)
			return store, nil
		}
		if !errors.Is(err, kv.ErrUnavailable) || time.Now().After(until) || ctx.Err() != nil {
			return nil, err
		}
		log.WarnContext(ctx, "waiting for the database", "error", err)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
}

// logFound says what the database is, and what it may lose.
func logFound(f pgkv.Found, log *slog.Logger) {
	standby := f.Synchronous
	if standby == "" {
		standby = "none"
	}
	log.Info("the store is a PostgreSQL database", "server", f.Server, "synchronous_standby", standby, "round_trip", f.RoundTrip.Round(10*time.Microsecond).String())
	if f.Synchronous == "" {
		log.Warn("the database has no synchronous standby: if its machine is lost, acknowledged changes can be lost with it, and a revoked token may work again (set synchronous_standby_names)")
	}
}

// isFresh reports whether no store exists yet. A root-key store without the
// store that it follows is not a fresh start: something was lost.
func isFresh(cfg config.Config) (bool, error) {
	var there [2]bool
	for i, name := range []string{storeFile, rootKeysFile} {
		_, err := os.Stat(filepath.Join(cfg.DataDir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("the data folder: %w", err)
		}
		there[i] = err == nil
	}
	if there[1] && !there[0] {
		return false, fmt.Errorf("%s is missing from %s, where %s is: restore it from a backup, or move %s away to start again without accounts",
			storeFile, cfg.DataDir, rootKeysFile, rootKeysFile)
	}
	return !there[0], nil
}

// loadKey reads the key that seals secrets at rest. It makes a new key only if
// nothing exists yet that another key may have sealed.
func loadKey(cfg config.Config, fresh bool) ([]byte, error) {
	key, err := seal.LoadKeyFor(private.Of(cfg.GroupAccess), cfg.Key(), fresh)
	if errors.Is(err, fs.ErrNotExist) && !fresh {
		return nil, fmt.Errorf("the key file %s is missing, and the stores in %s are sealed with it: restore it from a backup, or name it with --key-file",
			cfg.Key(), cfg.DataDir)
	}
	return key, err
}

// databaseKey is loadKey for a database, which other processes with the same key may have begun.
func databaseKey(ctx context.Context, cfg config.Config, store kv.Store) ([]byte, error) {
	begun, err := ledger.Begun(ctx, store)
	if err != nil {
		return nil, err
	}
	keys := filepath.Join(cfg.DataDir, rootKeysFile)
	_, err = os.Stat(keys)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the data folder: %w", err)
	case err == nil && !begun:
		return nil, fmt.Errorf("the database is empty, and %s follows one that is not: give the address of that one, or restore it from a backup, or move %s away to start again without accounts", keys, keys)
	}
	key, err := seal.LoadKeyFor(private.Of(cfg.GroupAccess), cfg.Key(), !begun)
	if errors.Is(err, fs.ErrNotExist) && begun {
		return nil, fmt.Errorf("the key file %s is missing, and the secrets in the database are sealed with it: copy it here from the machine of another process on this database, restore it from a backup, or name it with --key-file", cfg.Key())
	}
	return key, err
}

// otherKey adds, to an error about another key, what that means where several processes share a database.
func otherKey(cfg config.Config, err error) error {
	if !cfg.Store.Remote() || !errors.Is(err, seal.ErrOpen) {
		return err
	}
	return fmt.Errorf("%w; all processes on one database need the same key: copy it to %s from the machine of another one (if this process has just made that file, another began the database at the same time)", err, cfg.Key())
}

// storeName is what messages call the store.
func storeName(cfg config.Config) string {
	if cfg.Store.Remote() {
		return "the database"
	}
	return filepath.Join(cfg.DataDir, storeFile)
}

// restoredCommand is the command that makes a restored store count.
func restoredCommand(cfg config.Config) string {
	if cfg.Store.Remote() {
		return "rind restored --config FILE"
	}
	return "rind restored --data " + cfg.DataDir
}
