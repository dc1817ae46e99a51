package web

import (
	"math"
	"net/http"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/ui"
)

func (s *adminServer) verifiersPage(v *visit, status int, l ui.Layout) error {
	return s.drawVerifiers(v, status, ui.VerifiersPage{Layout: l, Name: v.form.Get("name")})
}

func (s *adminServer) drawVerifiers(v *visit, status int, page ui.VerifiersPage) error {
	all, err := s.followers.Verifiers(v.Request().Context(), v.principal())
	if err != nil {
		return err
	}
	page.IssuerURL = s.address("")
	for _, one := range all {
		page.Verifiers = append(page.Verifiers, verifierRow(one))
	}
	return v.render(status, page)
}

func verifierRow(v followers.Verifier) ui.VerifierRow {
	row := ui.VerifierRow{
		ID: v.ID, Name: v.Name, State: ui.VerifierAway, CreatedAt: v.Created, CreatedBy: v.CreatedBy, SeenAt: v.Seen,
		Lag: int(min(v.Lag, math.MaxInt32)), Age: v.Behind, RevokedAt: v.Revoked.At, RevokedBy: v.Revoked.Username,
	}
	switch {
	case !v.Revoked.At.IsZero():
		row.State = ui.VerifierRevoked
	case v.Astray:
		row.State = ui.VerifierAstray
	case !v.Connected.IsZero():
		row.State = ui.VerifierConnected
	case v.Seen.IsZero():
		row.State = ui.VerifierNew
	}
	return row
}

// registerVerifier registers a verifier and shows its secret, in this answer only. It requires a fresh
// second factor, because a verifier learns of every token.
func (s *adminServer) registerVerifier(v *visit) error {
	if !v.session.FactorFresh(s.now()) {
		return authn.ErrFactorStale
	}
	made, secret, err := s.followers.RegisterVerifier(v.Request().Context(), v.principal(), v.form.Get("name"))
	if err != nil {
		return err
	}
	return s.drawVerifiers(v, http.StatusOK, ui.VerifiersPage{Layout: v.layout(), NewName: made.Name, Secret: secret})
}

func (s *adminServer) askRevokeVerifier(v *visit) error {
	one, err := s.followers.Verifier(v.Request().Context(), v.principal(), v.Param("id"))
	if err != nil {
		return err
	}
	return v.show(ui.VerifierRevokePage{Layout: v.layout(), Verifier: verifierRow(one)})
}

func (s *adminServer) revokeVerifier(v *visit) error {
	if err := s.followers.RevokeVerifier(v.Request().Context(), v.principal(), v.Param("id")); err != nil {
		return err
	}
	return v.done("verifier_revoked")
}
