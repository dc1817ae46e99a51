package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/move"
	"github.com/rind-dev/rind/issuer/ledger"
)

// storeCmd groups what operators do with the issuer's store as a whole.
type storeCmd struct {
	Copy storeCopyCmd `cmd:"" help:"Copy the store to another one, from a file to a database or back, and mark it as moved."`
}

type storeCopyCmd struct {
	groupAccess
	From string `help:"Store to copy: a settings file of 'rind serve', or a data folder with a rind.db." required:"" placeholder:"FILE|DIR"`
	To   string `help:"Empty store to copy to, given like --from." placeholder:"FILE|DIR" xor:"end"`
	Undo bool   `help:"Give up a copy that is not complete: the store of --from can be used again." xor:"end"`
}

// Help says what follows from it.
func (storeCopyCmd) Help() string {
	return `Stop 'rind serve' first if the store is a file. Processes that use a database are stopped by the copy. A copy that is cut short goes on where it stopped when you run the same command again; until it is complete, 'rind serve' refuses both stores. ` +
		`At the end both are read and compared by SHA-256, and the store of --from is marked as moved, so that nobody goes on with it by mistake. ` +
		`Everything goes along: accounts, tokens, the audit trail, and the history that verifiers follow, which notice nothing. The key file is not in the store: rind serve on the copy needs the same one. ` +
		`A password of a database is in the file that its settings name.`
}

// Run copies.
func (c storeCopyCmd) Run(ctx context.Context, s streams) (err error) {
	if c.To == "" && !c.Undo {
		return errors.New("--to is missing: name the empty store to copy to")
	}
	fromCfg, err := c.storeSettings("--from", c.From)
	if err != nil {
		return err
	}
	if !fromCfg.Store.Remote() {
		if _, err := os.Stat(filepath.Join(fromCfg.DataDir, storeFile)); err != nil {
			return fmt.Errorf("--from: there is no store: %w", err)
		}
	}
	from, err := openUnchecked(ctx, fromCfg)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if c.Undo {
		if err := move.Undo(ctx, from); err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.out, "The copy is given up: %s can be used again. Empty what it was copied to.\n", copyName(fromCfg))
		return err
	}
	begun, err := ledger.Begun(ctx, from)
	if err == nil && !begun {
		err = errors.New("it is empty: there is nothing to copy")
	}
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	toCfg, err := c.storeSettings("--to", c.To)
	if err != nil {
		return err
	}
	if sameStore(fromCfg, toCfg) {
		return fmt.Errorf("--from and --to are the same store, %s", copyName(fromCfg))
	}
	if !toCfg.Store.Remote() {
		if err := makeDataFolder(toCfg); err != nil {
			return fmt.Errorf("--to: %w", err)
		}
	}
	to, err := openUnchecked(ctx, toCfg)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	return copyStore(ctx, s.out, from, to, copyName(fromCfg), copyName(toCfg))
}

// copyStore copies, and says how far it is and what to do next.
func copyStore(ctx context.Context, out io.Writer, from, to kv.Store, fromName, toName string) error {
	said := time.Now()
	result, err := move.Copy(ctx, move.Side{Store: from, Name: fromName}, move.Side{Store: to, Name: toName}, time.Now(), func(what string, done, total move.Count) {
		if time.Since(said) < time.Second && (done != total || what == "read") {
			return
		}
		said = time.Now()
		of := ""
		if total.Pairs > 0 {
			of = fmt.Sprintf(" of %d", total.Pairs)
		}
		fmt.Fprintf(out, "%s %d%s records, %.1f MB\n", what, done.Pairs, of, float64(done.Bytes)/1e6)
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Both stores have the same %d records (SHA-256 %s).\n%s is marked as moved: 'rind serve' refuses it. Start 'rind serve' with the settings of %s and the same key file.\n",
		result.Pairs, result.SHA256, fromName, toName)
	return err
}

// storeSettings reads the settings of a store: from a file, or the default ones with a data folder.
func (c storeCopyCmd) storeSettings(flag, path string) (config.Config, error) {
	cfg := config.Default()
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir():
		cfg, err = config.Load(path)
		if err == nil {
			err = cfg.Check()
		}
	case err == nil, errors.Is(err, os.ErrNotExist) && flag == "--to" && filepath.Ext(path) == "":
		err = cfg.Set("data", path)
	}
	if err != nil {
		return cfg, fmt.Errorf("%s is neither a settings file nor a data folder: %w", flag, err)
	}
	cfg.GroupAccess = cfg.GroupAccess || c.GroupAccess
	return cfg, nil
}

// copyName is the name of a store in messages and marks: it has no password.
func copyName(cfg config.Config) string {
	switch {
	case !cfg.Store.Remote():
		if path, err := filepath.Abs(storeName(cfg)); err == nil {
			return path
		}
		return storeName(cfg)
	case cfg.Store.URL != "":
		return cfg.Store.URL
	}
	return "the database of " + cfg.Store.URLFile
}

func sameStore(a, b config.Config) bool {
	if a.Store.Remote() != b.Store.Remote() {
		return false
	}
	return copyName(a) == copyName(b)
}
