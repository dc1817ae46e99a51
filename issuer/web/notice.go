package web

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/rind-dev/rind/ui"
)

// then sends the visitor to another page, which says what was done.
func (v *visit) then(path, notice string) error {
	if notice != "" {
		v.core.sessions.Flash(v.Request().Context(), notice)
	}
	return v.Redirect(http.StatusSeeOther, path)
}

// reached sends the visitor to another page, which says what was done and which
// verifiers have it.
func (v *visit) reached(path, notice string, r ui.Reach) error {
	r = r.Short()
	word, err := json.Marshal(ui.Notice{Code: notice, Reach: &r})
	if err != nil {
		return err
	}
	v.core.sessions.Flash(v.Request().Context(), string(word))
	return v.Redirect(http.StatusSeeOther, path)
}

// readNotice reads the word that then or reached kept: the code of a notice, or all
// of one.
func readNotice(word string) (n ui.Notice) {
	if !bytes.HasPrefix([]byte(word), []byte("{")) {
		return ui.Notice{Code: word}
	}
	if err := json.Unmarshal([]byte(word), &n); err != nil {
		return ui.Notice{} // of another version: nothing is said
	}
	return n
}
