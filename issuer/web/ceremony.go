package web

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/ui"
)

// A WebAuthn ceremony is two JSON requests from a page's script. The answer to the first has the
// options for the browser. The second has the key's response, and its answer says where to go next.

// ceremonyRequest is what the script sends. The first request has a name, if a key is added; the second has
// the other fields.
type ceremonyRequest struct {
	Name     string          `json:"name"`
	Next     string          `json:"next"`
	Remember bool            `json:"remember"` // this device
	Response json.RawMessage `json:"response"`
}

// ceremonyAnswer is what the script gets. Exactly one of its fields is set.
type ceremonyAnswer struct {
	Options  json.RawMessage `json:"options,omitempty"`
	To       string          `json:"to,omitempty"` // a page of this server
	Problems []problemText   `json:"problems,omitempty"`
}

// problemText is a problem together with its sentence.
type problemText struct {
	Field string `json:"field,omitempty"`
	Code  string `json:"code"`
	Text  string `json:"text"`
}

// ceremony answers one of the two requests.
type ceremony func(*visit, ceremonyRequest) (ceremonyAnswer, error)

// scripted is like visited, but for a script: it answers errors with JSON too.
func (s *core) scripted(g guard, c ceremony, r returns) echo.HandlerFunc {
	return func(ctx echo.Context) error {
		v := &visit{Context: ctx, core: s, returns: r}
		err := catchPanic(func() error { return v.runCeremony(g, c) })
		if err == nil {
			return nil
		}
		if v.Response().Committed {
			s.answer(v, err) // only logs it
			return nil
		}
		if v.leftUnanswered(err) {
			return nil
		}
		return v.JSON(v.failedCeremony(err))
	}
}

func (v *visit) runCeremony(g guard, c ceremony) (err error) {
	elsewhere, err := v.admit(g)
	if err != nil {
		return err
	}
	if elsewhere != "" {
		return v.JSON(http.StatusForbidden, ceremonyAnswer{To: elsewhere})
	}
	sent, err := readJSON(v.Request())
	if err != nil {
		return err
	}
	answer, err := c(v, sent)
	if err != nil {
		return err
	}
	return v.JSON(http.StatusOK, answer)
}

// readJSON reads the body, which must be one object without unknown fields. pageEdge has limited its size.
func readJSON(r *http.Request) (sent ceremonyRequest, err error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != echo.MIMEApplicationJSON {
		return sent, fail(http.StatusUnsupportedMediaType, "form_type")
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err = d.Decode(&sent)
	if err != nil {
		return sent, fail(http.StatusBadRequest, "form_damaged")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return sent, fail(http.StatusBadRequest, "form_damaged")
	}
	if len(sent.Response) > authn.MaxKeyAnswer {
		return sent, fail(http.StatusRequestEntityTooLarge, "form_too_large")
	}
	return sent, nil
}

// failedCeremony returns the status and the answer for a request that failed.
func (v *visit) failedCeremony(err error) (int, ceremonyAnswer) {
	if elsewhere := v.reauthPath(err); elsewhere != "" {
		return http.StatusForbidden, ceremonyAnswer{To: elsewhere}
	}
	ps, status := v.problems(err)
	if status == 0 {
		f := classify(err)
		status = f.status
		if status >= 500 {
			v.core.logFailure(v, f, err)
		}
		if f.code != "" {
			ps = problem.New("", f.code)
		}
	}
	answer := ceremonyAnswer{}
	for _, p := range ps {
		text := v.core.pages.Problem("en", ui.Problem{Field: p.Field, Code: p.Code, Args: p.Args})
		answer.Problems = append(answer.Problems, problemText{p.Field, p.Code, text})
	}
	if len(ps) == 0 {
		known := ui.ErrorPage{Status: status}.Known()
		text := v.core.pages.Text("en", "error."+known+".text", nil)
		answer.Problems = []problemText{{Code: "status_" + known, Text: text}}
	}
	return status, answer
}
