package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/verifier"
)

// Registrar registers new projects with the issuer of the tokens. It is the only part of an upload that asks anybody.
type Registrar interface {
	// Register registers the project of a first upload and returns once the Verifier knows it. req has all facts of the
	// upload, with [caveats.ActionCreate], and the Verifier has allowed it; the issuer decides again. Registering a project
	// that the token's owner has already is no error. A [Refusal] with the status 400, 403 or 429 is the issuer's decision, and
	// the client gets it; with any other error the client gets 503.
	Register(ctx context.Context, text string, req caveats.Request, userAgent string) error
}

// errRegister wraps an error of a Registrar that is not the issuer's decision.
var errRegister = errors.New("gateway: registering the project")

// mayCreate reports whether an upload that was denied with err is denied only because the token's owner is not a member of
// the project, and a Registrar may change that.
func (in *intake) mayCreate(err error) bool {
	var denial *verifier.Denial
	if in.g.cfg.Registrar == nil || in.facts.name == "" || !errors.As(err, &denial) || len(denial.Failures) == 0 {
		return false
	}
	for _, f := range denial.Failures {
		if f.Reason != caveats.NotAMember {
			return false
		}
	}
	return true
}

// creation is request for the project itself.
func (in *intake) creation() caveats.Request {
	req := in.request()
	req.Action = caveats.ActionCreate
	return req
}

// decideAll asks the verifier with all facts. If create is true, the token allows to create the project, which does not exist.
func (in *intake) decideAll() (grant verifier.Grant, create bool, err error) {
	grant, err = in.g.cfg.Verifier.Verify(in.ctx, in.text, in.request())
	if !in.mayCreate(err) {
		return grant, false, err
	}
	creator, failed := in.g.cfg.Verifier.Verify(in.ctx, in.text, in.creation())
	var denial *verifier.Denial
	switch {
	case failed == nil:
		return creator, true, nil
	case errors.As(failed, &denial):
		return grant, false, err // in the words for an upload
	}
	return grant, false, failed
}

// precheck asks the backend whether it would refuse the file, before a project is registered for it.
func (in *intake) precheck() error {
	staged, ok := in.staged.(Prechecked)
	if !ok {
		return nil
	}
	if err := staged.Check(in.up); err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	return nil
}

// register registers the project and asks the verifier again.
func (in *intake) register() (verifier.Grant, error) {
	err := in.g.cfg.Registrar.Register(in.ctx, in.text, in.creation(), in.up.UserAgent)
	if err != nil {
		return verifier.Grant{}, in.unregistered(err)
	}
	return in.g.cfg.Verifier.Verify(in.ctx, in.text, in.request())
}

// unregistered returns the answer for an error of the Registrar.
func (in *intake) unregistered(err error) error {
	var said *Refusal
	if errors.As(err, &said) {
		switch said.Status {
		case http.StatusBadRequest, http.StatusForbidden, http.StatusTooManyRequests:
			return said
		}
	}
	return &Refusal{
		Status: http.StatusServiceUnavailable, RetryAfter: 30 * time.Second, Err: fmt.Errorf("%w: %w", errRegister, err),
		Reason: "Project '" + text.Clip(in.facts.name) + "' is new and could not be registered right now. Try again later.",
	}
}
