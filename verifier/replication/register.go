package replication

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/feed"
)

// NotRegistered is the error for a project that the issuer decided not to register.
type NotRegistered struct {
	Status int    // for the client that uploads: 400, 403 or 429
	Reason string // a sentence for people; it comes from the issuer
}

// Error returns the reason.
func (e *NotRegistered) Error() string {
	return "replication: the issuer did not register the project: " + e.Reason
}

// maxRegistered bounds the answer to a registration, in bytes.
const maxRegistered = 8 << 10

// Register asks the Remote to register the project of a first upload, which req describes, for the owner of the token text,
// and waits until the store knows the project: 15 seconds at most for both. It sends the token to its issuer. The issuer
// decides by its own records whether the token may register projects (see verifier.Record). If the owner has the
// project already, it returns nil. The error is a *NotRegistered, or says that the issuer could not be asked.
func (f *Follower) Register(ctx context.Context, text string, req caveats.Request, userAgent string) error {
	if f.cfg.Remote == nil {
		return errors.New("replication: only a Remote can be asked to register a project")
	}
	ctx, cancel := context.WithTimeout(ctx, f.times.register)
	defer cancel()
	r := feed.Registration{Token: text, Project: req.Project, Version: req.Version, Filename: req.Filename, SHA256: req.SHA256, UserAgent: userAgent}
	if req.ClientIP.IsValid() {
		r.ClientIP = req.ClientIP.String()
	}
	revision, err := f.cfg.Remote.register(ctx, r)
	if err != nil {
		return bounded(err)
	}
	return f.CatchUp(ctx, revision)
}

// register sends a registration, and returns the revision at which the project is known.
func (r *Remote) register(ctx context.Context, registration feed.Registration) (revision uint64, err error) {
	b, err := json.Marshal(registration)
	if err != nil {
		return 0, fmt.Errorf("replication: encode a registration: %w", err)
	}
	res, err := r.send(ctx, r.streams, http.MethodPost, feed.PathRegister, nil, b)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusUnprocessableEntity {
		return 0, r.refused(res)
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxRegistered))
	if err != nil {
		return 0, fmt.Errorf("replication: the issuer's answer broke off: %w", cause(ctx, err))
	}
	var did feed.Registered
	var no feed.RegisterRefused
	if res.StatusCode == http.StatusOK {
		err = json.Unmarshal(answer, &did)
	} else {
		err = json.Unmarshal(answer, &no)
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("replication: the issuer's answer to a registration can't be read: %w", err)
	case res.StatusCode == http.StatusOK:
		return did.Revision, nil
	}
	return 0, &NotRegistered{Status: no.Status, Reason: no.Reason}
}
