// Package gateway serves PyPI's upload API in front of a [Backend], which keeps the
// files, and accepts the uploads that a token allows.
//
//	files, err := folder.Open("data/packages")
//	upload, err := gateway.New(gateway.Config{Verifier: v, Backend: files})
//	mux.Handle("/legacy", upload)    // both: clients don't follow redirects
//	mux.Handle("/legacy/", upload)
//
// The handler from [New] takes the form that twine, flit, poetry and uv send, with its
// fields in any order. It checks the token before it reads the body, again when the file
// begins, with the facts known by then, and once more before anything is kept, with all
// facts, including the digest of the bytes that arrived. The file is streamed into the
// Backend while it is hashed; memory per upload is bounded by the limits of the form's text
// fields and does not grow with the file. Then the archive is read as package archive
// describes: a file that is kept installs as the project and version that the token was
// checked for, and as nothing else.
//
// Package folder, below this one, is a Backend that keeps files in a folder and serves the simple index of
// them. An index that keeps files in its own way implements Backend.
package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/clientip"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/httpauth"
)

// DefaultMaxFile is the size limit of a file in bytes, if a Config sets no other:
// 1 GiB.
const DefaultMaxFile = 1 << 30

// The defaults for how many uploads are read at once, and how long others wait.
const (
	defaultUploads   = 256
	defaultPerToken  = 32
	defaultPerOwner  = 64
	defaultQueueTime = 4 * time.Second
)

// minDrain is the least number of bytes of a refused request that are read.
const minDrain = 256 << 20

// defaultIdle is how long a client may pause its upload.
const defaultIdle = 30 * time.Second

// Verifier checks tokens; *[verifier.Verifier] is one. An error is a
// *[verifier.Denial], or says that the check could not be made.
type Verifier interface {
	Verify(ctx context.Context, text string, req caveats.Request) (verifier.Grant, error)
}

// Config is what an upload handler needs. Verifier and Backend are required.
type Config struct {
	Verifier Verifier
	Backend  Backend

	// MaxFile is the size limit of a file in bytes; zero means DefaultMaxFile. A
	// larger file is refused with 413.
	MaxFile int64

	// Idle is how long a client may send nothing before its upload is abandoned; zero means 30
	// seconds. All time spent waiting for a client, beyond what 1 KiB a second would take, counts
	// against it, so that a client that sends a byte now and then is abandoned too. It replaces the
	// server's ReadTimeout while a body is read, so that a large file can arrive over a slow line.
	Idle time.Duration

	// MaxUploads bounds how many uploads are read at once in all (zero: 256),
	// MaxPerOwner those of one account, with all its tokens (zero: 64, or MaxPerToken if that is more),
	// and MaxPerToken those with one token (zero: 32). The last quarter of MaxUploads is
	// reserved for accounts that have no upload under way. Each upload takes about 100 KiB of
	// memory, 512 KiB more while a large zip file is unpacked as it arrives, and what the backend's
	// stage takes. Further uploads wait for QueueTime (zero: 4
	// seconds, less than clients wait for a server that does not read), and are then
	// refused: with 429 if they wait for uploads of their own token or account, else
	// with 503.
	MaxUploads, MaxPerOwner, MaxPerToken int
	QueueTime                            time.Duration

	// ClientIP returns the address that networks in tokens are compared with. If it is nil, that
	// is the address of the connection. Behind a proxy, use a function that reads the header which
	// the proxy writes, and no other header.
	ClientIP func(*http.Request) netip.Addr

	// Registrar registers the project of a first upload if the token may create projects. If it is nil, a first upload
	// is denied: the project has to be registered first.
	Registrar Registrar

	// OnUpload, if it is not nil, is called after a file is stored and before the client gets its
	// answer, with what was allowed and what was done. Use it for audit trails and usage reports; it
	// cannot undo the upload. ctx does not end with the request.
	OnUpload func(ctx context.Context, grant verifier.Grant, up Upload)

	// OnAnswer, if it is not nil, is called for each upload, kept or refused, before the client gets its answer: with the
	// status of the answer, the bytes of the file that arrived, and the time from the beginning of the request. It is
	// for metrics.
	OnAnswer func(status int, size int64, took time.Duration)

	// Logger gets a line for each upload and each refusal, with the token's id
	// but never its text. Nil discards them.
	Logger *slog.Logger

	// Refuser says how the rest of a refused request is read after its answer. If it sets no
	// MaxDrain, the limit is the largest upload, or 256 MiB if that is less: twine reads no answer
	// before it has sent the whole file, even if the file is too large.
	Refuser httpauth.Refuser
}

// Gateway is PyPI's upload API as an http.Handler. It serves whatever path it is
// mounted at and never redirects.
type Gateway struct {
	cfg   Config
	log   *slog.Logger
	slots slots      // of uploads under way
	reads slots      // of archives that are read
	forms FormReader // nil: the backend reads no field

	aheadTurns *turns // of files that are unpacked while they arrive
}

// New makes the handler. It fails only if cfg lacks something that is required.
func New(cfg Config) (*Gateway, error) {
	if cfg.Verifier == nil || cfg.Backend == nil {
		return nil, errors.New("gateway: the Config needs a Verifier and a Backend")
	}
	if cfg.MaxFile <= 0 {
		cfg.MaxFile = DefaultMaxFile
	}
	if cfg.Idle <= 0 {
		cfg.Idle = defaultIdle
	}
	if cfg.MaxUploads <= 0 {
		cfg.MaxUploads = defaultUploads
	}
	if cfg.MaxPerToken <= 0 {
		cfg.MaxPerToken = defaultPerToken
	}
	if cfg.MaxPerOwner <= 0 {
		cfg.MaxPerOwner = max(defaultPerOwner, cfg.MaxPerToken)
	}
	if cfg.QueueTime <= 0 {
		cfg.QueueTime = defaultQueueTime
	}
	if cfg.Refuser.MaxDrain == 0 {
		cfg.Refuser.MaxDrain = max(cfg.maxBody(), minDrain)
	}
	if cfg.ClientIP == nil {
		cfg.ClientIP = clientip.Finder{}.Of
	}
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	g := &Gateway{cfg: cfg, log: log, slots: slots{
		all: cfg.MaxUploads, owner: cfg.MaxPerOwner, token: cfg.MaxPerToken, wait: cfg.QueueTime,
		taken: map[share]int{}, freed: make(chan struct{}),
	}, reads: readSlots(), aheadTurns: newTurns(max(2, runtime.GOMAXPROCS(0)))}
	g.forms, _ = cfg.Backend.(FormReader)
	return g, nil
}

// maxBody returns the size limit of a request in bytes: the file, the text
// fields, and what is around them.
func (c Config) maxBody() int64 { return c.MaxFile + 2*maxText }

// ServeHTTP takes one upload, for as long as it makes progress: see Config.Idle.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	deadline.Upload.WithStall(g.cfg.Idle).Serve(w, r, g.serve)
}

func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		g.cfg.Refuser.Answer(w, r, httpauth.Answer{
			Status: http.StatusMethodNotAllowed, Allow: http.MethodPost,
			Sentence: "This is the URL that twine, flit, poetry and uv upload packages to, by POST.",
		})
		return
	}
	began := time.Now()
	grant, up, err := g.take(w, r)
	answered := func(status int) {
		if g.cfg.OnAnswer != nil {
			g.cfg.OnAnswer(status, up.Size, time.Since(began))
		}
	}
	if err != nil {
		g.refuse(w, r, grant, up, err, answered)
		return
	}
	answered(http.StatusOK)
	g.log.LogAttrs(r.Context(), slog.LevelInfo, "upload kept", attributes(grant, up,
		slog.Int64("size", up.Size), slog.String("sha256", up.SHA256), slog.Bool("repeated", up.Repeated))...)
	if g.cfg.OnUpload != nil {
		g.cfg.OnUpload(context.WithoutCancel(r.Context()), grant, up)
	}
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	said := "Stored "
	if up.Repeated {
		said = "Already stored, with the same content: "
	}
	_, _ = w.Write([]byte(said + up.Filename + " in project " + up.Project + "\n"))
}

// refuse is the only place that turns an error into an answer and a log line.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, grant verifier.Grant, up Upload, err error, answered func(status int)) {
	answer := explain(err)
	answered(answer.Status)
	var denial *verifier.Denial
	if errors.As(err, &denial) {
		grant = verifier.Grant{TokenID: denial.TokenID, UserID: denial.UserID, UserName: denial.UserName}
	}
	level := slog.LevelInfo
	var chosen *Refusal
	busy := errors.As(err, &chosen) && !errors.Is(err, errStore) && !errors.Is(err, errRegister)
	if answer.Status >= 500 && !busy && r.Context().Err() == nil { // neither being busy nor a client that disconnects is a fault
		level = slog.LevelError
	}
	g.log.LogAttrs(r.Context(), level, "upload refused", attributes(grant, up,
		slog.Int("status", answer.Status), slog.String("error", err.Error()))...)
	g.cfg.Refuser.Answer(w, r, answer)
}

func attributes(grant verifier.Grant, up Upload, more ...slog.Attr) []slog.Attr {
	all := []slog.Attr{slog.String("client", up.ClientIP.String())}
	for _, a := range []slog.Attr{slog.String("token", grant.TokenID), slog.String("user", grant.UserName),
		slog.String("user_id", grant.UserID), slog.String("project", up.Project),
		slog.String("version", up.Version), slog.String("file", up.Filename)} {
		if a.Value.String() != "" {
			all = append(all, a)
		}
	}
	return append(all, more...)
}
