package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/ui"
)

// A ceremony of WebAuthn is two requests of a page's script, both JSON: the first
// is answered with what the browser needs, the second, with what the key said, by
// where to go next.

// ceremonySent is what the script sends: a name with the first request where a key
// is added, the rest with the second.
type ceremonySent struct {
	Name     string          `json:"name"`
	Next     string          `json:"next"`
	Remember bool            `json:"remember"` // the device
	Response json.RawMessage `json:"response"`
}

// ceremonyAnswer is what the script gets; it has one of the three.
type ceremonyAnswer struct {
	Options  json.RawMessage `json:"options,omitempty"`
	To       string          `json:"to,omitempty"` // a page of this server
	Problems []saidProblem   `json:"problems,omitempty"`
}

// saidProblem is a problem with its sentence.
type saidProblem struct {
	Field string `json:"field,omitempty"`
	Code  string `json:"code"`
	Text  string `json:"text"`
}

// ceremony answers one of the two requests.
type ceremony func(*visit, ceremonySent) (ceremonyAnswer, error)

// ceremony registers where a script sends its JSON.
func (p pages) ceremony(path ui.Path, g guard, c ceremony) {
	if e := effectOf(path); e != accountAsks {
		panic(fmt.Sprintf("web: the ceremony %s is no sign-in", path))
	}
	p.s.route(posts, path.Colon(), deadline.Page, p.s.scripted(g, c), p.around...)
}

// scripted is visited for a script: also what goes wrong is said in JSON.
func (s *Server) scripted(g guard, c ceremony) echo.HandlerFunc {
	return func(ctx echo.Context) error {
		v := &visit{Context: ctx, server: s}
		err := recovered(func() error { return v.runCeremony(g, c) })
		if err == nil {
			return nil
		}
		if v.Response().Committed {
			s.answer(v, err) // which only logs it
			return nil
		}
		return v.JSON(v.failedCeremony(err))
	}
}

func (v *visit) runCeremony(g guard, c ceremony) (err error) {
	if v.session, v.user, err = v.server.sessions.Current(v.Request().Context()); err != nil {
		return err
	}
	if err := v.server.crossOrigin.Check(v.Request()); err != nil {
		return fail(http.StatusForbidden, "cross_origin")
	}
	elsewhere, err := g(v)
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

// readJSON reads the body, which pageEdge has bounded: one object, nothing
// that is not known, and no answer that is longer than a key's.
func readJSON(r *http.Request) (sent ceremonySent, err error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != echo.MIMEApplicationJSON {
		return sent, fail(http.StatusUnsupportedMediaType, "form_type")
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&sent); err != nil {
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

// failedCeremony is the status and the answer of a request that failed.
func (v *visit) failedCeremony(err error) (int, ceremonyAnswer) {
	if elsewhere := v.again(err); elsewhere != "" {
		return http.StatusForbidden, ceremonyAnswer{To: elsewhere}
	}
	if hungUp(v.Request().Context(), err) {
		return statusGone, ceremonyAnswer{}
	}
	ps, status := v.problems(err)
	if status == 0 {
		f := classify(err)
		if status = f.status; status >= 500 {
			v.server.logFailure(v, f, err)
		}
		if f.code != "" {
			ps = problem.New("", f.code)
		}
	}
	answer := ceremonyAnswer{}
	for _, p := range ps {
		text := v.server.pages.Problem("en", ui.Problem{Field: p.Field, Code: p.Code, Args: p.Args})
		answer.Problems = append(answer.Problems, saidProblem{p.Field, p.Code, text})
	}
	if len(ps) == 0 {
		known := ui.ErrorPage{Status: status}.Known()
		text := v.server.pages.Text("en", "error."+known+".text", nil)
		answer.Problems = []saidProblem{{Code: "status_" + known, Text: text}}
	}
	return status, answer
}

// passkeyCookie binds a sign-in by passkey to the browser that began it.
const passkeyCookie = "__Host-rind_passkey"

func (v *visit) setPasskeyCookie(value string, life time.Duration) {
	v.SetCookie(&http.Cookie{
		Name: passkeyCookie, Value: value, Path: "/", MaxAge: int(life / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

func (s *Server) beginPasskey(v *visit, _ ceremonySent) (ceremonyAnswer, error) {
	options, handle, err := s.accounts.BeginPasskey(v.Request().Context(), v.origin())
	if err != nil {
		return ceremonyAnswer{}, err
	}
	v.setPasskeyCookie(handle.Reveal(), authn.CeremonyLife)
	return ceremonyAnswer{Options: options}, nil
}

func (s *Server) finishPasskey(v *visit, sent ceremonySent) (ceremonyAnswer, error) {
	var handle authn.Secret
	if c, err := v.Cookie(passkeyCookie); err == nil {
		handle = authn.Secret(c.Value)
	}
	v.setPasskeyCookie("", -time.Second)
	session, err := s.accounts.SignInPasskey(v.Request().Context(), v.origin(), handle, sent.Response)
	if err != nil {
		return ceremonyAnswer{}, err
	}
	to, err := v.advance(session, localPath(sent.Next))
	return ceremonyAnswer{To: to}, err
}

func (s *Server) beginVerifyKey(v *visit, _ ceremonySent) (ceremonyAnswer, error) {
	options, err := s.accounts.BeginVerifyKey(v.Request().Context(), v.session)
	return ceremonyAnswer{Options: options}, err
}

func (s *Server) finishVerifyKey(v *visit, sent ceremonySent) (ceremonyAnswer, error) {
	v.remember = sent.Remember
	session, err := s.accounts.VerifyKey(v.Request().Context(), v.session, v.origin(), sent.Response)
	if err != nil {
		return ceremonyAnswer{}, err
	}
	to, err := v.advance(session, localPath(sent.Next))
	return ceremonyAnswer{To: to}, err
}

func (s *Server) beginAddKey(v *visit, sent ceremonySent) (ceremonyAnswer, error) {
	options, err := s.accounts.BeginAddKey(v.Request().Context(), v.session, sent.Name)
	return ceremonyAnswer{Options: options}, err
}

func (s *Server) finishAddKey(v *visit, sent ceremonySent) (ceremonyAnswer, error) {
	ctx := v.Request().Context()
	session, err := s.accounts.AddKey(ctx, v.session, v.origin(), sent.Response)
	if err != nil {
		return ceremonyAnswer{}, err
	}
	to, err := v.advance(session, string(ui.PathAccount))
	if err == nil {
		notice := "key_added"
		s.sessions.Flash(ctx, notice)
	}
	return ceremonyAnswer{To: to}, err
}
