package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/authn/password"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/certificate"
	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/leaks"
	"github.com/rind-dev/rind/internal/lease"
	"github.com/rind-dev/rind/internal/mail"
	"github.com/rind-dev/rind/internal/metrics"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/private"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/adminhttp"
	"github.com/rind-dev/rind/issuer/feedhttp"
	"github.com/rind-dev/rind/issuer/files"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/mails"
	"github.com/rind-dev/rind/issuer/web"
	"github.com/rind-dev/rind/ui"
	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// Files and folders in the data folder.
const (
	storeFile      = "rind.db"     // the issuer's store, where that is a file
	rootKeysFile   = "rootkeys.db" // what the gateway verifies with; rebuilt from the store if it is missing
	packagesFolder = "packages"
	outboxFolder   = "outbox"
)

// ownStaleness is how long the gateway goes on deciding while its root-key store can't be kept current. With the issuer's store in
// a file, which is heard every 5 s in this process, that is for a full disk. A database may be away for longer, as any issuer
// may for a verifier elsewhere.
func ownStaleness(cfg config.Config) time.Duration {
	if cfg.Store.Remote() {
		return replication.DefaultMaxStaleness
	}
	return 30 * time.Second
}

// mailTime is how long waiting mails may take to be sent at shutdown.
const mailTime = 10 * time.Second

// instance is everything that 'rind serve' runs, wired. See run for its life.
type instance struct {
	auth     *authn.Service
	issuer   *issuer.Service
	files    *files.Service // of the folder; nil: other programs keep the indexes
	keys     *rootkeys.Store
	follower *replication.Follower
	metrics  *metrics.Server
	queue    *mail.Queue
	store    kv.Store
	unfenced kv.Store           // the same, for leases
	process  *followers.Process // this process among others on the store; nil: there can be no others
	trail    *audit.Follower    // writes the audit trail to a log; nil: it is not
	handler  http.Handler
	admin    http.Handler // for the operator; see adminhttp
	notices  *notices.Outbox
	pages    *ui.Renderer
	mailer   *mails.Mailer
	outbox   string     // folder of mails; "" where a mail server is configured
	showing  sync.Mutex // held while terminal is written to
	terminal io.Writer  // where the links of mails are shown; nil: nowhere
	cfg      config.Config
	log      *slog.Logger

	rootKeysKey []byte // the root-key store's own key; nil: it has none

	certificate *certificate.Files // nil: it serves without TLS
	hangups     <-chan os.Signal   // SIGHUP; nil: nobody catches it

	indexes reloadedIndexes

	closers []func() error // in the order of opening
}

// open opens the stores and wires the rooms. If it fails it closes what it has
// opened.
func open(ctx context.Context, cfg config.Config, log *slog.Logger) (_ *instance, err error) {
	h := &instance{cfg: cfg, log: log, metrics: metrics.NewServer()}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if err := makeDataFolder(cfg); err != nil {
		return nil, err
	}
	store, key, err := openSealed(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	h.closers = append(h.closers, store.Close)
	h.unfenced, store = store, lease.Fence(store)
	sealer, err := seal.New(key)
	if err != nil {
		return nil, err
	}
	if err := audit.Upgrade(ctx, store); err != nil {
		return nil, err
	}
	h.notices = notices.New(store, time.Now, log)
	h.store = store
	h.trail, err = followTrail(cfg, store, log)
	if err != nil {
		return nil, err
	}
	if err := h.openMails(cfg, store, sealer, log); err != nil {
		return nil, err
	}
	h.issuer, err = issuer.New(issuer.Config{
		Notices: h.notices, Store: store, Sealer: sealer, Location: cfg.Location(), MaxLife: cfg.MaxTokenLife, PerHour: cfg.TokensPerHour, Logger: log,
		Administrators: authn.IsAdministrator,
		People:         authn.People{},
		InvitationMail: h.mailer.ProjectInvitation,
		IDTokens:       idtoken.New(idtoken.Config{Issuers: append(idtoken.BuiltIn(), cfg.Issuers...), Logger: log}),
	})
	if err != nil {
		return nil, otherKey(cfg, err)
	}
	if err := h.openKeys(cfg, key, log); err != nil {
		return nil, err
	}
	return h, h.openWeb(cfg, store, sealer, log)
}

// makeDataFolder makes the data folder, unless it is there, and refuses one that lets others in.
func makeDataFolder(cfg config.Config) error {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("the data folder: %w; the setting data names another", err)
	}
	info, err := os.Stat(cfg.DataDir)
	if err == nil {
		err = private.Of(cfg.GroupAccess).CheckFolder(cfg.DataDir, info)
	}
	if err != nil {
		return fmt.Errorf("the data folder %s %w", cfg.DataDir, err)
	}
	return nil
}

// openKeys opens the root-key store and makes what keeps it current. The store is sealed with
// the key of all secrets, or with a key of its own, which can be changed while the store is in use.
func (h *instance) openKeys(cfg config.Config, key []byte, log *slog.Logger) (err error) {
	oldKeyOf := groupAccess{cfg.GroupAccess}
	path, opt := filepath.Join(cfg.DataDir, rootKeysFile), rootkeys.Options{Key: key, GroupAccess: cfg.GroupAccess}
	if cfg.RootKeysKeyFile != "" {
		_, err := os.Stat(path)
		opt.Key, err = seal.LoadKeyFor(private.Of(cfg.GroupAccess), cfg.RootKeysKeyFile, errors.Is(err, fs.ErrNotExist))
		if err != nil {
			return fmt.Errorf("rootkeys-key-file: %w", err)
		}
		opt.OldKey, h.rootKeysKey = key, opt.Key
	}
	if cfg.RootKeysOldKeyFile != "" {
		opt.OldKey, err = oldKeyOf.oldKey(cfg.RootKeysOldKeyFile)
		if err != nil {
			return err
		}
	}
	h.keys, err = rootkeys.Open(path, opt)
	if err != nil {
		return err
	}
	h.closers = append(h.closers, h.keys.Close)
	h.follower = replication.New(replication.Config{Source: h.metrics.Source(h.issuer.Followers), Store: h.keys, MaxStaleness: ownStaleness(cfg), Logger: log})
	return nil
}

// openMails makes what writes mails, and what sends them.
func (h *instance) openMails(cfg config.Config, store kv.Store, sealer *seal.Sealer, log *slog.Logger) (err error) {
	h.pages, err = ui.New()
	if err != nil {
		return err
	}
	sender, err := h.openMail(cfg, log)
	if err != nil {
		return err
	}
	h.queue, err = mail.NewQueue(mail.QueueConfig{Store: store, Sealer: sealer, Sender: sender, Grace: mailTime, Logger: log})
	if err != nil {
		return err
	}
	h.mailer = mails.New(h.pages, h.queue, cfg.PublicURL)
	return nil
}

// openWeb wires everything that answers requests.
func (h *instance) openWeb(cfg config.Config, store kv.Store, sealer *seal.Sealer, log *slog.Logger) error {
	breaches, err := h.openBreaches(cfg)
	if err != nil {
		return err
	}
	online, err := breachRange(cfg)
	if err != nil {
		return err
	}
	h.auth, err = authn.New(authn.Config{
		Breaches: breaches, BreachRange: online, Store: store, Sealer: sealer, Users: h.issuer, Notifier: h.mailer, Notices: h.notices,
		PublicURL: cfg.PublicURL, Place: place(cfg), Registration: cfg.Registration, Logger: log,
		ConfirmDevices: cfg.Mail.Host != "", RecoveryWait: cfg.RecoveryWait,
	})
	if err != nil {
		return err
	}
	indexes, err := h.openIndexes(cfg, log)
	if err != nil {
		return err
	}
	site, err := web.New(web.Config{
		Auth: h.auth, Issuer: h.issuer, Pages: h.pages, CatchUp: h.follower.CatchUp, CanVerify: h.canVerify,
		Gateway: indexes.uploads, Index: indexes.pages, Indexes: indexes.all, Behind: indexes.behind, Files: h.files, PublicURL: cfg.PublicURL,
		Feed:         feedhttp.New(feedhttp.Config{Issuer: h.issuer, TrustedProxies: cfg.TrustedProxies, Sentence: h.sentence, Logger: log}),
		MaxTokenLife: cfg.MaxTokenLife, TrustedProxies: cfg.TrustedProxies, HSTSSubdomains: cfg.HSTSSubdomains, Outbox: h.shownOutbox(), Leaks: leakKeys(cfg), Clock: time.Now, Logger: log,
	})
	if err != nil {
		return err
	}
	h.handler = site
	h.admin = adminhttp.New(adminhttp.Config{
		Auth: h.auth, Issuer: h.issuer, Files: h.files, Pages: h.pages, Confirm: site.Confirm, Clock: time.Now, Logger: log,
		Address: func(path string) string { return cfg.PublicURL.String() + path },
	})
	return nil
}

// leakKeys returns the keys of the scanner that may report leaked tokens, nil if none
// is configured.
func leakKeys(cfg config.Config) *leaks.Keys {
	switch {
	case cfg.LeakKeys == "":
		return nil
	case strings.Contains(cfg.LeakKeys, "://"):
		return leaks.NewKeys(leaks.FromURL(cfg.LeakKeys, nil), nil)
	}
	return leaks.NewKeys(leaks.FromFile(cfg.LeakKeys), nil)
}

// breachRange returns the server to ask about stolen passwords, nil if none is configured.
func breachRange(cfg config.Config) (*password.BreachRange, error) {
	if cfg.BreachRangeURL == "" {
		return nil, nil
	}
	return password.NewBreachRange(cfg.BreachRangeURL)
}

// openBreaches opens the list of stolen passwords, if one is configured.
func (h *instance) openBreaches(cfg config.Config) (*password.BreachList, error) {
	if cfg.BreachList == "" {
		return nil, nil
	}
	l, err := password.OpenBreachList(cfg.BreachList)
	if err != nil {
		return nil, fmt.Errorf("breach-list: %w; it is a file of Pwned Passwords, lines of SHA1:count sorted by hash", err)
	}
	h.closers = append(h.closers, l.Close)
	return l, nil
}

// close closes what was opened, in reverse order. Nothing that uses it may still
// be running.
func (h *instance) close() error {
	var errs []error
	for _, c := range slices.Backward(h.closers) {
		errs = append(errs, c())
	}
	h.closers = nil
	return errors.Join(errs...)
}
