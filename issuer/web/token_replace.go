package web

import (
	"crypto/rand"
	"strconv"
	"time"

	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

func (s *tokenServer) showRegenerateToken(v *visit) error {
	t, err := s.hisToken(v)
	if err != nil {
		return err
	}
	return v.show(s.regeneratePage(v, v.layout(), t))
}

func (s *tokenServer) regeneratePage(v *visit, l ui.Layout, t tokens.Token) ui.TokenRegeneratePage {
	once := v.form.Get("once")
	if once == "" {
		once = rand.Text()
	}
	return ui.TokenRegeneratePage{
		Once:   once,
		Layout: l, Token: tokenRow(t), Life: v.form.Get("life"), Expires: v.form.Get("expires"), Overlap: v.form.Get("overlap"),
		MaxDays: int(s.maxTokenLife / (24 * time.Hour)),
	}
}

// regenerateToken replaces a token and shows the text of the new one, in this answer
// only.
func (s *tokenServer) regenerateToken(v *visit) error {
	old, err := s.hisToken(v)
	if err != nil {
		return err
	}
	ctx, f := v.Request().Context(), v.form
	req := tokens.RegenerateRequest{Life: tokens.Life(f.Get("life")), Overlap: -1, IdempotencyKey: f.Get("once")} // no choice is none
	if hours, err := strconv.Atoi(f.Get("overlap")); err == nil && hours >= 0 && hours <= int(tokens.MaxOverlap/time.Hour) {
		req.Overlap = time.Duration(hours) * time.Hour
	}
	date := true
	if req.Life == tokens.LifeUntil {
		req.Expires, date = endOf(f.Get("expires"))
	}
	minted, err := s.tokens.Regenerate(ctx, v.principal(), old.ID, req)
	if answered, err := s.notMinted(v, err, date, func(status int, l ui.Layout) error {
		return v.render(status, s.regeneratePage(v, l, old))
	}); answered {
		return err
	}
	s.confirm(ctx, minted.Revision)
	page := s.createdPage(v, minted)
	if was, err := s.tokens.Get(ctx, v.principal(), old.ID); err == nil && was.State == tokens.StateActive {
		page.OldEnds = was.Expires
	}
	return v.show(page)
}
