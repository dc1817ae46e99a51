package web

import (
	"strconv"
	"time"

	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

func (s *tokenServer) replacePage(v *visit, status int, l ui.Layout) error {
	t, err := s.ownedToken(v)
	if err != nil {
		return err
	}
	return v.render(status, ui.TokenRegeneratePage{
		Layout: l, Token: tokenRow(t), Life: v.form.Get("life"), Expires: v.form.Get("expires"), Overlap: v.form.Get("overlap"),
		MaxDays: int(s.maxTokenLife / (24 * time.Hour)), IdempotencyKey: idempotencyKey(v),
	})
}

// replaceToken replaces a token and shows the text of the new one, in this answer only.
func (s *tokenServer) replaceToken(v *visit) error {
	old, err := s.ownedToken(v)
	if err != nil {
		return err
	}
	ctx, f := v.Request().Context(), v.form
	req := tokens.RegenerateRequest{Life: tokens.Life(f.Get("life")), Overlap: -1, IdempotencyKey: f.Get("idempotency_key")} // an Overlap of -1 is refused: it has to be chosen
	if hours, err := strconv.Atoi(f.Get("overlap")); err == nil && hours >= 0 && hours <= int(tokens.MaxOverlap/time.Hour) {
		req.Overlap = time.Duration(hours) * time.Hour
	}
	date := true
	if req.Life == tokens.LifeUntil {
		req.Expires, date = endOf(f.Get("expires"))
	}
	minted, err := s.tokens.Regenerate(ctx, v.principal(), old.ID, req)
	if err != nil {
		return s.mintFailed(v, err, date)
	}
	s.confirm(ctx, minted.Revision)
	page := s.createdPage(v, minted)
	if was, err := s.tokens.Get(ctx, v.principal(), old.ID); err == nil && was.State == tokens.StateActive {
		page.OldEnds = was.Expires
	}
	return v.show(page)
}
