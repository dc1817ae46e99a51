// Package adminhttp serves 'rind admin': whoever may write to the data folder administers rind without
// a browser and without an account, over a Unix socket.
//
// Commands use the same methods as the pages for administrators, so rules, audit rows and emails are
// the same. The audit trail names the operator and the operator's user on this machine.
//
// Listen makes the socket; Serve answers on it. Each command is a POST of a Request in JSON to Prefix
// and its name. The answer is the command's struct, or a Refusal with a status other than 200.
package adminhttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/files"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/refusal"
	"github.com/rind-dev/rind/ui"
)

// Prefix begins the address of every command.
const Prefix = "/v1/"

// maxRequest is the size limit of a Request, in bytes.
const maxRequest = 64 << 10

// Config is what a handler needs. All fields are required but Files.
type Config struct {
	Auth   *authn.Service
	Issuer *issuer.Service
	Files  *files.Service // of the index that this server keeps; nil: another program keeps it
	Pages  *ui.Renderer   // has the sentences of problems

	// Confirm waits a moment until verifiers have a revision, and says which of them do.
	Confirm func(ctx context.Context, revision uint64) ui.Propagation

	// Address makes a path an absolute address on the public server.
	Address func(path string) string

	Clock  func() time.Time
	Logger *slog.Logger
}

type handler struct {
	Config
}

// command runs one kind of request.
type command func(*call) (any, error)

// call is a request with the operator who makes it.
type call struct {
	handler
	ctx  context.Context
	req  Request
	by   authn.Session
	from authn.Origin
	name string // of the operator, for the audit trail
}

// New returns the handler. Its http.Server needs Context as ConnContext.
func New(cfg Config) http.Handler {
	h := handler{cfg}
	mux := deadline.NewMux()
	for name, do := range commands {
		mux.HandleFunc("POST "+Prefix+name, deadline.Command, func(w http.ResponseWriter, r *http.Request) { h.answer(w, r, name, do) })
	}
	return mux
}

// answer runs a command and writes its result.
func (h handler) answer(w http.ResponseWriter, r *http.Request, name string, do command) {
	c := call{handler: h, ctx: r.Context(), name: operatorOf(r.Context())}
	c.by, c.from = authn.Operator(c.name), authn.Origin{UserAgent: "rind admin " + name}
	d := json.NewDecoder(io.LimitReader(r.Body, maxRequest))
	d.DisallowUnknownFields()
	err := d.Decode(&c.req)
	if err != nil {
		h.write(w, http.StatusBadRequest, Refusal{Error: []Problem{{Code: "request_damaged", Text: "The request can't be read: 'rind admin' and the server are different versions."}}})
		return
	}
	out, err := do(&c)
	if err != nil {
		if deadline.HungUp(r.Context()) && errors.Is(err, context.Canceled) { // nobody reads the answer
			h.Logger.DebugContext(c.ctx, "adminhttp: the client is gone", "command", name)
			return
		}
		why := refusal.Of(err)
		if why.Fault {
			h.Logger.ErrorContext(c.ctx, "adminhttp: failed", "command", name, "error", err)
		}
		status, said := h.refused(why)
		h.write(w, status, said)
		return
	}
	h.Logger.InfoContext(c.ctx, "operator", "command", name, "by", c.name)
	h.write(w, http.StatusOK, out)
}

func (h handler) write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		h.Logger.Debug("adminhttp: nobody reads the answer", "error", err)
	}
}

// refused returns the status and the body for a command that failed. Details of internal errors
// appear only in the log.
func (h handler) refused(r refusal.Refusal) (int, Refusal) {
	if len(r.Problems) > 0 {
		var out Refusal
		for _, p := range r.Problems {
			out.Error = append(out.Error, Problem{Code: p.Code, Field: p.Field, Text: h.Pages.Problem("en", ui.Problem{Field: p.Field, Code: p.Code, Args: p.Args})})
		}
		return r.Status, out
	}
	code, text := "failed", "Something went wrong on the server; its log says what. Your change was either made completely or not at all: check before you try again."
	switch r.Status {
	case http.StatusNotFound:
		code, text = problem.NotFound, "There is nothing with this name or ID."
	case http.StatusForbidden:
		code, text = "forbidden", h.Pages.Text("en", "error.403.text", nil)
	}
	return r.Status, Refusal{Error: []Problem{{Code: code, Text: text}}}
}

// principal returns the operator as the issuer's Principal.
func (c *call) principal() ledger.Principal {
	return ledger.Principal{Username: c.name, Admin: true, Actor: audit.Actor{UserAgent: c.from.UserAgent}}
}

// user finds the account that the request is about.
func (c *call) user() (authn.User, error) { return c.userIn("name", c.req.Name) }

// userIn finds the account that a field of the request names.
func (c *call) userIn(field, name string) (authn.User, error) {
	u, err := c.Auth.Accounts.UserByName(c.ctx, name)
	if errors.Is(err, authn.ErrNotFound) {
		err = problem.New(field, problem.UserUnknown)
	}
	return u, err
}

// confirmed waits a moment until verifiers have the latest change, and says which of them do.
func (c *call) confirmed() (*Propagation, error) {
	at, err := c.Issuer.Followers.Position(c.ctx)
	if err != nil {
		return nil, err
	}
	return c.reached(at.Revision), nil
}

func (c *call) reached(revision uint64) *Propagation {
	r := c.Confirm(c.ctx, revision)
	out := &Propagation{Connected: r.Connected, Applied: r.Applied, Behind: []string{}, Away: []string{}}
	out.Behind, out.Away = append(out.Behind, r.Behind...), append(out.Away, r.Away...)
	return out
}

// Serve answers on l until ctx ends, lets running requests finish, and closes l.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	server := deadline.Server(h, log)
	server.ConnContext = Context
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("adminhttp: stopped listening: %w", err)
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(late); err != nil {
		return errors.Join(fmt.Errorf("adminhttp: shut down: %w", err), server.Close())
	}
	return nil
}
