package feedhttp

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/issuer/tokens"
)

var errReadOnly = &refusal{http.StatusServiceUnavailable, "the issuer is read-only"}

// register answers POST PathRegister. It takes one registration of a verifier at a time.
func (f *Handler) register(a *asked) error {
	release, err := f.registrations.take(a.Context(), a.verifier.ID)
	if err != nil {
		return err
	}
	defer release(0)
	up, err := readRegistration(a)
	if err != nil {
		return err
	}
	up.Verifier = a.verifier.Name
	revision, err := f.issuer.Tokens.FirstUploads.Register(a.Context(), up)
	var no *tokens.NotRegistered
	switch {
	case errors.As(err, &no):
		f.lines.info(a, "feed: a project was not registered", "error", clip(err))
		return answerJSON(a, http.StatusUnprocessableEntity, feed.RegisterRefused{Status: no.Status, Reason: no.Sentence(f.say)})
	case errors.Is(err, instance.ErrReadOnly):
		return errReadOnly
	case err != nil:
		return err
	}
	return answerJSON(a, http.StatusOK, feed.Registered{Revision: revision})
}

// readRegistration reads the body of a request.
func readRegistration(a *asked) (up tokens.FirstUpload, err error) {
	var r feed.Registration
	body := json.NewDecoder(http.MaxBytesReader(a.w, a.Body, feed.MaxRegister))
	err = body.Decode(&r)
	if err == nil {
		_, err = body.Token()
	}
	if !errors.Is(err, io.EOF) {
		return up, badRequest("the registration is not one JSON object of at most 32 KiB")
	}
	var client netip.Addr
	if r.ClientIP != "" {
		client, err = netip.ParseAddr(r.ClientIP)
		if err != nil {
			return up, badRequest("client_ip is not an IP address")
		}
	}
	return tokens.FirstUpload{
		Text: r.Token, By: audit.Actor{IP: r.ClientIP, UserAgent: r.UserAgent},
		Request: caveats.Request{Project: r.Project, Version: r.Version, Filename: r.Filename, SHA256: r.SHA256, ClientIP: client},
	}, nil
}

func answerJSON(a *asked, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	a.begun = true
	a.w.Header().Set("Content-Type", "application/json")
	a.w.WriteHeader(status)
	_, err = a.w.Write(append(b, '\n'))
	return err
}
