package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rind-dev/rind/internal/private"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/internal/verifierstatus"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// verifierCmd is a verifier on another machine than the issuer's.
type verifierCmd struct {
	Follow followCmd         `cmd:"" help:"Follow an issuer and keep a root-key store up to date, until stopped."`
	Status verifierStatusCmd `cmd:"" help:"Show how up to date a root-key store is."`
	Copy   verifierCopyCmd   `cmd:"" help:"Write a clean copy of a root-key store."`
	Reset  verifierResetCmd  `cmd:"" help:"Empty a root-key store, so that it is filled again."`
}

// groupAccess is what commands that open private files have in common.
type groupAccess struct {
	GroupAccess bool `help:"Also accept files that a group of this process can read and write, as on a cluster's volume (modes 0660, 0440)."`
}

// loadKey reads the key of a root-key store.
func (g groupAccess) loadKey(path string) ([]byte, error) {
	if g.GroupAccess {
		return rootkeys.LoadGroupKey(path)
	}
	return rootkeys.LoadKey(path)
}

// openKeysFile opens a root-key store. A new store gets a new key if its key file is missing
// too; the default key file is rind.key beside the store.
// If oldKeyFile is given, a store that is sealed with the key in it is resealed.
func (g groupAccess) openKeysFile(path, keyFile, oldKeyFile string, readOnly bool) (*rootkeys.Store, error) {
	_, err := os.Stat(path)
	key, err := seal.LoadKeyFor(private.Of(g.GroupAccess), keyFileOf(path, keyFile), errors.Is(err, fs.ErrNotExist) && !readOnly)
	if err != nil {
		return nil, fmt.Errorf("%w; key-file names the key of this store", err)
	}
	old, err := g.oldKey(oldKeyFile)
	if err != nil {
		return nil, err
	}
	return rootkeys.Open(path, rootkeys.Options{Key: key, OldKey: old, ReadOnly: readOnly, GroupAccess: g.GroupAccess})
}

// keyFileOf returns the path of a store's key file, by default rind.key beside it.
func keyFileOf(path, keyFile string) string {
	if keyFile == "" {
		return filepath.Join(filepath.Dir(path), "rind.key")
	}
	return keyFile
}

type verifierStatusCmd struct {
	groupAccess
	From    string `help:"Address where 'rind verifier follow --status' answers." placeholder:"HOST:PORT" xor:"from" required:""`
	Keys    string `help:"Root-key store that no other process is using." placeholder:"FILE" xor:"from" required:""`
	KeyFile string `help:"Key the store is sealed with (default: rind.key beside the store)." placeholder:"FILE"`
	staleness
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Help documents the exit code and the JSON object.
func (verifierStatusCmd) Help() string {
	return `The exit code is 0 if the store can decide, 1 if it is too old, not filled yet or has a different history than the issuer, 2 if that can't be determined. ` +
		`The JSON object has usable, other_history, issuer, issuer_id, epoch, revision, issuer_revision, lag, heard_from_issuer_at, age_seconds (null if unknown), ` +
		`max_staleness_seconds, connected_since, issuer_clock_ahead_seconds, uses_waiting, uses_dropped and last_error. Times are RFC 3339 in UTC.`
}

// Run prints the status, and exits as Help says.
func (c verifierStatusCmd) Run(ctx context.Context, s streams) error {
	var v verifierstatus.Status
	var err error
	if c.From != "" {
		v, err = verifierstatus.Ask(ctx, c.From)
	} else {
		v, err = c.read()
	}
	if err == nil && c.JSON {
		err = text.JSON(s.out, v)
	} else if err == nil {
		err = v.Print(s.out)
	}
	switch {
	case err != nil:
		complain(s.err, err)
		return exitCode(exitUnchecked)
	case !v.Usable:
		return exitCode(exitFailed)
	}
	return nil
}

// read returns the status of a store that nobody follows.
func (c verifierStatusCmd) read() (verifierstatus.Status, error) {
	store, err := c.openKeysFile(c.Keys, c.KeyFile, "", true)
	switch {
	case errors.Is(err, rootkeys.ErrDamaged), errors.Is(err, rootkeys.ErrWrongKey), errors.Is(err, fs.ErrNotExist):
		return verifierstatus.Status{}, err
	case err != nil:
		return verifierstatus.Status{}, fmt.Errorf("%w; use --from to ask the process that follows it, if that was started with --status", err)
	}
	defer store.Close()
	return verifierstatus.OfStore(store, c.MaxStaleness), nil
}

func either(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
