package ui

// strengths are the words for a score, as keys.
var strengths = []string{"strength.0", "strength.1", "strength.2", "strength.3", "strength.4"}

// Strength says how good a password is that somebody types: its score is 0 to 4, missing the
// characters that it is too short by, and stolen that it is in a list of stolen ones.
func (r *Renderer) Strength(lang string, score, missing int, stolen bool) string {
	switch {
	case stolen:
		return r.Text(lang, "strength.stolen", nil)
	case missing > 0:
		return r.Text(lang, "strength.missing", Args{"n": missing})
	}
	return r.Text(lang, strengths[max(0, min(score, len(strengths)-1))], nil)
}
