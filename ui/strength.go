package ui

// strengths has the keys of the words for each score.
var strengths = []string{"strength.0", "strength.1", "strength.2", "strength.3", "strength.4"}

// Strength describes how strong a password is while somebody types it. score is 0 to 4, missing is how
// many characters it is too short by, and stolen says that it is in a list of stolen passwords.
func (r *Renderer) Strength(lang string, score, missing int, stolen bool) string {
	switch {
	case stolen:
		return r.Text(lang, "strength.stolen", nil)
	case missing > 0:
		return r.Text(lang, "strength.missing", Args{"n": missing})
	}
	return r.Text(lang, strengths[max(0, min(score, len(strengths)-1))], nil)
}
