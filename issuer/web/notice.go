package web

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/rind-dev/rind/ui"
)

// then redirects the visitor to another page, which shows the notice.
func (v *visit) then(path, notice string) error {
	if notice != "" {
		v.core.sessions.Flash(v.Request().Context(), notice)
	}
	return v.Redirect(http.StatusSeeOther, path)
}

// thenConfirmed redirects the visitor to another page, which shows the notice and lists which verifiers
// have the change.
func (v *visit) thenConfirmed(path, notice string, r ui.Propagation) error {
	r = r.Short()
	word, err := json.Marshal(ui.Notice{Code: notice, Propagation: &r})
	if err != nil {
		return err
	}
	v.core.sessions.Flash(v.Request().Context(), string(word))
	return v.Redirect(http.StatusSeeOther, path)
}

// readNotice reads what then or thenConfirmed stored, which is the code of a notice or a whole notice.
func readNotice(word string) (n ui.Notice) {
	if !bytes.HasPrefix([]byte(word), []byte("{")) {
		return ui.Notice{Code: word}
	}
	err := json.Unmarshal([]byte(word), &n)
	if err != nil {
		return ui.Notice{} // another version of rind stored it
	}
	return n
}
