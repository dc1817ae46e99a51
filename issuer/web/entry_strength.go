package web

import (
	"net/http"

	"github.com/rind-dev/rind/authn"
)

// strengthAnswer tells the script how strong a password is.
type strengthAnswer struct {
	Words string `json:"words"`
	Score int    `json:"score"` // 0 to 4
}

// strength rates a password while the visitor types it. It stores nothing.
func (s *entryServer) strength(v *visit) error {
	username, email := v.form.Get("username"), v.form.Get("email")
	if v.user.ID != "" {
		username, email = v.user.Username, v.user.Email
	}
	got, err := s.auth.Passwords.Score(v.Request().Context(), v.origin(), v.form.Get("password"), username, email)
	if err != nil {
		return err
	}
	return v.JSON(http.StatusOK, s.strengthWords(got))
}

func (s *entryServer) strengthWords(got authn.Strength) strengthAnswer {
	if got.Refused { // the form will say why
		return strengthAnswer{}
	}
	score := got.Score
	switch {
	case got.Stolen:
		score = 0
	case got.Missing > 0:
		score = min(score, 2)
	}
	return strengthAnswer{Words: s.pages.Strength("en", got.Score, got.Missing, got.Stolen), Score: score}
}
