package main

import (
	"context"
	"errors"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
	"github.com/rind-dev/rind/verifier/gateway"
	"github.com/rind-dev/rind/verifier/replication"
)

// Who registers the projects of first uploads, for indexes with register-on-first-upload.

// remoteRegistrar asks the issuer that a gateway follows.
type remoteRegistrar struct{ follower *replication.Follower }

// Register implements gateway.Registrar.
func (r remoteRegistrar) Register(ctx context.Context, text string, req caveats.Request, userAgent string) error {
	err := r.follower.Register(ctx, text, req, userAgent)
	var no *replication.NotRegistered
	if errors.As(err, &no) {
		return &gateway.Refusal{Status: no.Status, Reason: no.Reason}
	}
	return err
}

// registerTime is how long registering a project may take in this process.
const registerTime = 15 * time.Second

// ownRegistrar registers projects with the issuer in this process.
type ownRegistrar struct{ of *instance }

// Register implements gateway.Registrar.
func (r ownRegistrar) Register(ctx context.Context, text string, req caveats.Request, userAgent string) error {
	ctx, cancel := context.WithTimeout(ctx, registerTime)
	defer cancel()
	up := tokens.FirstUpload{Text: text, Request: req, By: audit.Actor{UserAgent: userAgent}}
	if req.ClientIP.IsValid() {
		up.By.IP = req.ClientIP.String()
	}
	revision, err := r.of.issuer.Tokens.FirstUploads.Register(ctx, up)
	var no *tokens.NotRegistered
	switch {
	case errors.As(err, &no):
		return &gateway.Refusal{Status: no.Status, Reason: no.Sentence(r.of.sentence)}
	case err != nil:
		return err
	}
	return r.of.follower.CatchUp(ctx, revision)
}

// sentence says in words what is wrong.
func (h *instance) sentence(p problem.Problem) string {
	return h.pages.Problem("en", ui.Problem{Field: p.Field, Code: p.Code, Args: p.Args})
}
