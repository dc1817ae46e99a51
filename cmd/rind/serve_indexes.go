package main

import (
	"context"
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
)

// servedIndexes are the indexes of 'rind serve', for package web.
type servedIndexes struct {
	uploads, pages http.Handler // of the folder; nil: there is none
	behind         http.Handler // serves the others; nil: there are none
	all            []web.Index
}

// openIndexes opens the folder, or what the settings name instead of it or beside it.
func (h *instance) openIndexes(cfg config.Config, log *slog.Logger) (s servedIndexes, err error) {
	if len(cfg.Indexes) == 0 {
		cfg.Indexes = []config.Index{{Path: "/"}}
	}
	c := indexesConfig{
		Config: cfg, verifier: h.metrics.Verifier(verifier.New(h.follower)), registrar: ownRegistrar{h}, metrics: h.metrics, log: log,
		used: func(ctx context.Context, g verifier.Grant, from netip.Addr) {
			if err := h.issuer.Tokens.RecordUse(ctx, g.TokenID, g.Project, from, time.Now()); err != nil {
				log.WarnContext(ctx, "the use of a token was not recorded", "token", g.TokenID, "error", err)
			}
		},
	}
	if err := c.openLedger(); err != nil {
		return s, err
	}
	h.closers = append(h.closers, c.closeLedger)
	var own *config.Index
	for _, x := range cfg.Indexes {
		if x.Upstream == "" {
			own = &x
		}
		s.all = append(s.all, web.Index{Path: x.Path, Reads: x.ProxyReads || x.Upstream == ""})
	}
	files := filepath.Join(cfg.DataDir, packagesFolder)
	if own != nil {
		s.uploads, s.pages, err = h.openFolder(c, *own, files)
		if err != nil {
			return s, err
		}
	} else if holdsProjects(files) {
		log.Warn("the files in this folder are no longer served, because the settings name other indexes: move them to one, or name the folder too, by an [[index]] without upstream", "folder", files)
	}
	served, reloads, err := openIndexes(context.Background(), c)
	if err != nil {
		return s, err
	}
	h.reloads = reloads
	if len(served) > 0 {
		s.behind = gatewayhttp.NewIndexes(served, cfg.PublicURL)
	}
	return s, nil
}

// holdsProjects reports whether a folder of packages has any.
func holdsProjects(dir string) bool {
	all, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(all, func(e fs.DirEntry) bool { return !strings.HasPrefix(e.Name(), ".") })
}

// openFolder opens the folder that rind keeps files in.
func (h *instance) openFolder(c indexesConfig, x config.Index, dir string) (uploads, pages http.Handler, err error) {
	kept, err := h.keepFiles(dir)
	if err != nil {
		return nil, nil, err
	}
	uploads, err = c.uploads(kept, x)
	if err != nil {
		return nil, nil, err
	}
	return uploads, kept.Index(c.PublicURL.String()+"/legacy/", c.log), nil
}
