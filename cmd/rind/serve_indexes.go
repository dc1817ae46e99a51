package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/internal/gatewayhttp"
	"github.com/rind-dev/rind/issuer/web"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/gateway/folder"
)

// servedIndexes are the indexes of 'rind serve', for package web.
type servedIndexes struct {
	uploads, pages http.Handler // of the folder; nil: there is none
	behind         http.Handler // serves the others; nil: there are none
	all            []web.Index
}

// reloadedIndexes is what reloading the settings of 'rind serve' replaces.
type reloadedIndexes struct {
	indexesConfig
	folder          *folder.Folder // nil: there is none
	uploads, behind swapped
	current         config.Config                 // what it serves by
	secrets         []func(context.Context) error // read again
	load            func() (config.Config, error) // reads the settings again
}

// openIndexes opens the folder, or what the settings name instead of it or beside it.
func (h *instance) openIndexes(cfg config.Config, log *slog.Logger) (s servedIndexes, err error) {
	x := &h.indexes
	x.indexesConfig = indexesConfig{
		verifier: h.metrics.Verifier(verifier.New(h.follower)), registrar: ownRegistrar{h}, metrics: h.metrics, log: log, shared: newSharing(),
		used: func(ctx context.Context, g verifier.Grant, from netip.Addr) {
			if err := h.issuer.Tokens.RecordUse(ctx, g.TokenID, g.Project, from, time.Now()); err != nil {
				log.WarnContext(ctx, "the use of a token was not recorded", "token", g.TokenID, "error", err)
			}
		},
	}
	h.closers = append(h.closers, func() error { return x.closeLedger() })
	own := false
	for _, i := range indexesOf(cfg) {
		own = own || i.Upstream == ""
		s.all = append(s.all, web.Index{Path: i.Path, Reads: i.ProxyReads || i.Upstream == ""})
	}
	files := filepath.Join(cfg.DataDir, packagesFolder)
	if own {
		x.folder, err = h.keepFiles(files)
		if err != nil {
			return s, err
		}
		s.uploads, s.pages = &x.uploads, x.folder.Index(cfg.PublicURL.String()+"/legacy/", log)
	} else if holdsProjects(files) {
		log.Warn("the files in this folder are no longer served, because the settings name other indexes: move them to one, or name the folder too, by an [[index]] without upstream", "folder", files)
	}
	if len(s.all) > 1 || !own {
		s.behind = &x.behind
	}
	return s, x.serve(context.Background(), cfg)
}

// indexesOf returns the indexes of the settings; without any, the folder.
func indexesOf(cfg config.Config) []config.Index {
	if len(cfg.Indexes) == 0 {
		return []config.Index{{Path: "/"}}
	}
	return cfg.Indexes
}

// serve makes the handlers by the settings, and serves by them from now on. If it fails, nothing changes.
func (x *reloadedIndexes) serve(ctx context.Context, cfg config.Config) error {
	cfg.Indexes = indexesOf(cfg)
	x.Config = cfg
	if err := x.openLedger(); err != nil {
		return err
	}
	var uploads http.Handler
	for _, i := range cfg.Indexes {
		if i.Upstream != "" {
			continue
		}
		g, err := x.indexesConfig.uploads(x.folder, i)
		if err != nil {
			return err
		}
		uploads = g
	}
	served, secrets, err := openIndexes(ctx, x.indexesConfig)
	if err != nil {
		return err
	}
	if uploads != nil {
		x.uploads.set(uploads)
	}
	x.behind.set(gatewayhttp.NewIndexes(served, cfg.PublicURL))
	x.current, x.secrets = cfg, secrets
	return nil
}

// sameIndexes reports whether two settings have the same indexes at the same addresses, as pages show them.
func sameIndexes(a, b config.Config) bool {
	return slices.EqualFunc(indexesOf(a), indexesOf(b), func(i, j config.Index) bool {
		return i.Path == j.Path && i.ProxyReads == j.ProxyReads && (i.Upstream == "") == (j.Upstream == "")
	})
}

// errOtherIndexes says that settings can't be taken over.
var errOtherIndexes = errors.New("the indexes are at other addresses, or others show pages: that takes effect at the next start, with all that the settings say of indexes")

// reloadSettings reads the settings again. Without settings that work, it reads the secrets of the present ones again.
func (h *instance) reloadSettings(ctx context.Context) {
	x := &h.indexes
	if x.load == nil {
		return
	}
	next, err := x.load()
	var kept []string
	if err == nil {
		next, kept = x.current.Reloaded(next)
		if !sameIndexes(x.current, next) {
			err = errOtherIndexes
		}
	}
	if err == nil {
		err = x.serve(ctx, next)
	}
	sayReloaded(ctx, h.log, kept, err)
	if err != nil {
		rereading(x.secrets, h.log)(ctx)
	}
}

// holdsProjects reports whether a folder of packages has any.
func holdsProjects(dir string) bool {
	all, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(all, func(e fs.DirEntry) bool { return !strings.HasPrefix(e.Name(), ".") })
}
