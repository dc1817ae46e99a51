package web

import (
	"net/http"
	"time"

	"github.com/rind-dev/rind/authn"
)

// passkeyCookie binds a sign-in by passkey to the browser that began it.
const passkeyCookie = "__Host-rind_passkey"

func (s *entryServer) setPasskeyCookie(v *visit, value string, life time.Duration) {
	v.SetCookie(&http.Cookie{
		Name: passkeyCookie, Value: value, Path: "/", MaxAge: int(life / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

func (s *entryServer) beginPasskey(v *visit, _ ceremonyRequest) (ceremonyAnswer, error) {
	options, handle, err := s.auth.SecurityKeys.BeginPasskey(v.Request().Context(), v.origin())
	if err != nil {
		return ceremonyAnswer{}, err
	}
	s.setPasskeyCookie(v, handle.Reveal(), authn.CeremonyLife)
	return ceremonyAnswer{Options: options}, nil
}

func (s *entryServer) finishPasskey(v *visit, sent ceremonyRequest) (ceremonyAnswer, error) {
	var handle authn.Secret
	if c, err := v.Cookie(passkeyCookie); err == nil {
		handle = authn.Secret(c.Value)
	}
	s.setPasskeyCookie(v, "", -time.Second)
	session, err := s.auth.SecurityKeys.SignInPasskey(v.Request().Context(), v.origin(), handle, sent.Response)
	if err != nil {
		return ceremonyAnswer{}, err
	}
	to, err := v.advance(session, localPath(sent.Next))
	return ceremonyAnswer{To: to}, err
}

func (s *entryServer) beginVerifyKey(v *visit, _ ceremonyRequest) (ceremonyAnswer, error) {
	options, err := s.auth.SecurityKeys.BeginVerify(v.Request().Context(), v.session)
	return ceremonyAnswer{Options: options}, err
}

func (s *entryServer) finishVerifyKey(v *visit, sent ceremonyRequest) (ceremonyAnswer, error) {
	v.remember = sent.Remember
	session, err := s.auth.SecurityKeys.Verify(v.Request().Context(), v.session, v.origin(), sent.Response)
	if err != nil {
		return ceremonyAnswer{}, err
	}
	to, err := v.advance(session, localPath(sent.Next))
	return ceremonyAnswer{To: to}, err
}
