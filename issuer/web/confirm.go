package web

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/rind-dev/rind/ui"
)

// confirmTime is how long a page waits for verifiers to say that they have a change.
const confirmTime = 2 * time.Second

// confirm waits until all verifiers that are connected have a change, this server's
// own store included, for confirmTime at most. The change is made whatever happens
// here, and they follow.
func (s *Server) confirm(ctx context.Context, revision uint64) ui.Reach {
	begun := time.Now()
	waiting, cancel := context.WithTimeout(ctx, confirmTime)
	defer cancel()
	here := make(chan error, 1)
	var took time.Duration
	go func() {
		err := s.catchUp(waiting, revision)
		took = time.Since(begun)
		here <- err
	}()
	c := s.issuer.Followers.Confirm(ctx, revision, confirmTime)
	r := ui.Reach{Connected: c.Connected + 1, Applied: c.Applied, Took: c.Slowest, Behind: c.Behind, Away: c.Away}
	if err := <-here; err != nil {
		r.Here = true
		s.log.WarnContext(ctx, "web: the root-key store is behind", "revision", revision, "error", err)
	} else {
		r.Applied++
		r.Took = max(r.Took, took)
	}
	return r
}

// Confirm is what pages say after a change: which verifiers have it.
func (s *Server) Confirm(ctx context.Context, revision uint64) ui.Reach {
	return s.confirm(ctx, revision).Short()
}

// reached sends the visitor to another page, which says what was done and which
// verifiers have it.
func (v *visit) reached(path, notice string, r ui.Reach) error {
	r = r.Short()
	word, err := json.Marshal(ui.Notice{Code: notice, Reach: &r})
	if err != nil {
		return err
	}
	v.server.sessions.Flash(v.Request().Context(), string(word))
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
