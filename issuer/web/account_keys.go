package web

import (
	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

func (s *accountServer) showKeyNew(v *visit) error {
	if !s.auth.SecurityKeys.Offered() {
		return authn.ErrNotFound
	}
	if v.user.HasFactor() && !v.session.FactorFresh(s.now()) {
		return authn.ErrFactorStale
	}
	return v.show(ui.KeyNewPage{Layout: v.layout()})
}

// keyRows lists the visitor's security keys.
func (s *accountServer) keyRows(v *visit) ([]ui.KeyRow, error) {
	keys, err := s.auth.SecurityKeys.List(v.Request().Context(), v.user.ID)
	out := make([]ui.KeyRow, len(keys))
	for i, k := range keys {
		out[i] = ui.KeyRow{ID: k.ID, Name: k.Name, Passkey: k.Passkey, BackedUp: k.BackedUp, CreatedAt: k.CreatedAt, UsedAt: k.UsedAt}
	}
	return out, err
}

// key returns the visitor's key that the address names.
func (s *accountServer) key(v *visit) (ui.KeyRow, error) {
	keys, err := s.keyRows(v)
	if err != nil {
		return ui.KeyRow{}, err
	}
	for _, k := range keys {
		if k.ID == v.Param("id") {
			return k, nil
		}
	}
	return ui.KeyRow{}, authn.ErrNotFound
}

func (s *accountServer) keyPage(v *visit, status int, l ui.Layout) error {
	k, err := s.key(v)
	if err != nil {
		return err
	}
	return v.render(status, ui.KeyPage{Layout: l, Key: k, Name: v.typed("name", k.Name)})
}

func (s *accountServer) renameKey(v *visit) error {
	k, err := s.key(v)
	if err != nil {
		return err
	}
	if err := s.auth.SecurityKeys.Rename(v.Request().Context(), v.session, v.origin(), k.ID, v.form.Get("name")); err != nil {
		return err
	}
	return v.done("key_renamed")
}

func (s *accountServer) keyRemovePage(v *visit, status int, l ui.Layout) error {
	k, err := s.key(v)
	if err != nil {
		return err
	}
	return v.render(status, ui.KeyRemovePage{Layout: l, Key: k})
}

func (s *accountServer) removeKey(v *visit) error {
	k, err := s.key(v)
	if err != nil {
		return err
	}
	session, err := s.auth.SecurityKeys.Remove(v.Request().Context(), v.session, v.origin(), k.ID)
	if err != nil {
		return err
	}
	return v.entered(session, "key_removed")
}

func (s *accountServer) keysOnlyPage(v *visit, status int, l ui.Layout) error {
	return v.render(status, ui.KeysOnlyPage{Layout: l, On: v.user.KeysOnly, Keys: v.user.Keys})
}

func (s *accountServer) setKeysOnly(v *visit) error {
	only := v.form.Get("only") == "yes"
	session, err := s.auth.SecurityKeys.SetOnly(v.Request().Context(), v.session, v.origin(), only)
	if err != nil {
		return err
	}
	notice := "keys_only"
	if !only {
		notice = "keys_only_off"
	}
	return v.entered(session, notice)
}

func (s *accountServer) beginAddKey(v *visit, sent ceremonyRequest) (ceremonyAnswer, error) {
	options, err := s.auth.SecurityKeys.BeginAdd(v.Request().Context(), v.session, sent.Name)
	return ceremonyAnswer{Options: options}, err
}

func (s *accountServer) finishAddKey(v *visit, sent ceremonyRequest) (ceremonyAnswer, error) {
	ctx := v.Request().Context()
	session, err := s.auth.SecurityKeys.Add(ctx, v.session, v.origin(), sent.Response)
	if err != nil {
		return ceremonyAnswer{}, err
	}
	to, err := v.advance(session, string(v.returns.done))
	if err == nil {
		s.sessions.Flash(ctx, "key_added")
	}
	return ceremonyAnswer{To: to}, err
}
