package gatewayhttp

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/dist"
	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/gateway"
	"github.com/rind-dev/rind/verifier/httpauth"
)

// Other ways to ask for the same decision: for programs in other languages, and for proxies.

// maxQuestion bounds a question to /v1/verify, in bytes: the longest credentials, and the same again for the rest.
const maxQuestion = 64 << 10

// actions are what a token can allow. A token without limits allows all of them.
var actions = []string{caveats.ActionUpload, caveats.ActionStage, caveats.ActionCreate}

// question is the body of a request to /v1/verify.
type question struct {
	Authorization string `json:"authorization"` // the header as the client sent it
	Action        string `json:"action"`        // "upload" where it is empty
	Project       string `json:"project"`
	Version       string `json:"version"`
	Filename      string `json:"filename"`
	SHA256        string `json:"sha256"` // computed from the bytes
	ClientIP      string `json:"client_ip"`

	// Final says that no more facts will follow. If it is false, an empty fact is not known yet.
	Final *bool `json:"final"`
}

// decision is the answer of /v1/verify.
type decision struct {
	Allowed bool   `json:"allowed"` // false: not refused yet, as far as the facts go
	Project string `json:"project,omitempty"`
	TokenID string `json:"token_id,omitempty"`
	UserID  string `json:"user_id,omitempty"`
	User    string `json:"user,omitempty"`
	Reason  string `json:"reason,omitempty"` // of a refusal, for the client

	tokenID, userID string // of a refusal, for the log
}

// log writes a line for a decision that was asked for at an address.
func (s *Server) log(r *http.Request, at string, req caveats.Request, d decision) {
	outcome := "not refused yet"
	switch {
	case d.Reason != "":
		outcome = "refused"
	case d.Allowed:
		outcome = "allowed"
	}
	all := []slog.Attr{slog.String("decision", outcome)}
	for _, a := range []struct{ name, value string }{
		{"client", addressText(req.ClientIP)}, {"token", cmp.Or(d.TokenID, d.tokenID)}, {"user", d.User}, {"user_id", cmp.Or(d.UserID, d.userID)},
		{"project", text.Clip(req.Project)}, {"version", text.Clip(req.Version)}, {"file", text.Clip(req.Filename)}, {"reason", d.Reason},
	} {
		if a.value != "" {
			all = append(all, slog.String(a.name, text.Line(a.value)))
		}
	}
	s.cfg.Logger.LogAttrs(r.Context(), slog.LevelInfo, "asked at "+at, all...)
}

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// verify answers programs that know the secret.
func (s *Server) verify(w http.ResponseWriter, r *http.Request) {
	given, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !s.cfg.Secret.used():
		say(w, http.StatusNotFound, "This address is not in use: set verify-secret-file, or verify-socket for programs on this machine.")
		return
	case !isBearer || !s.cfg.Secret.is(given):
		w.Header().Set("WWW-Authenticate", `Bearer realm="rind"`)
		say(w, http.StatusUnauthorized, "Send the secret in verify-secret-file as a bearer token, and the client's own header in the field authorization.")
		return
	}
	s.answerQuestion(w, r)
}

// Local returns the handler for a socket that only programs of this machine can connect to which may ask: it serves
// /v1/verify, without the secret, and nothing else.
func (s *Server) Local() http.Handler {
	mux := deadline.NewMux()
	mux.HandleFunc("POST /v1/verify", deadline.Page, s.answerQuestion)
	mux.HandleFunc("/", deadline.Page, func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusNotFound, "This socket has one address: POST /v1/verify.")
	})
	return mux
}

// answerQuestion answers a program that may ask.
func (s *Server) answerQuestion(w http.ResponseWriter, r *http.Request) {
	q, err := readQuestion(w, r)
	if err != nil {
		say(w, http.StatusBadRequest, "The body is not one JSON object with the fields authorization, action, project, version, filename, sha256, client_ip and final: "+
			text.Line(text.Clip(err.Error()))+".")
		return
	}
	client, err := netip.ParseAddr(q.ClientIP)
	if err != nil && q.ClientIP != "" {
		say(w, http.StatusBadRequest, "The field client_ip is not an IP address.")
		return
	}
	if q.Action == "" {
		q.Action = caveats.ActionUpload
	}
	if !slices.Contains(actions, q.Action) {
		say(w, http.StatusBadRequest, "The field action is none of "+strings.Join(actions, ", ")+": tokens are for nothing else.")
		return
	}
	req := caveats.Request{Action: q.Action, Project: q.Project, Version: q.Version, Filename: q.Filename, SHA256: q.SHA256, ClientIP: client}
	if sentence := q.misfit(); sentence != "" {
		d := decision{Reason: sentence}
		s.log(r, "/v1/verify", req, d)
		answerDecision(w, d, http.StatusForbidden)
		return
	}
	d, status := s.decide(r, q.Authorization, req, q.Final == nil || *q.Final)
	s.log(r, "/v1/verify", req, d)
	answerDecision(w, d, status)
}

func readQuestion(w http.ResponseWriter, r *http.Request) (*question, error) {
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestion))
	in.DisallowUnknownFields()
	q := &question{}
	if err := in.Decode(q); err != nil {
		return nil, err
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something is behind it")
	}
	return q, nil
}

// misfit says why the file's name does not belong to the project and the version, as far as these are known, or returns
// "" if it does. The check is needed because a token is for a project, but many indexes keep a file by its name alone.
func (q *question) misfit() string {
	if q.Filename == "" || q.Project == "" {
		return ""
	}
	version := dist.VersionOf(q.Filename, caveats.NormalizeProject(q.Project))
	switch {
	case version == "":
		return "The file '" + text.Line(text.Clip(q.Filename)) + "' does not belong to project '" + text.Line(text.Clip(q.Project)) +
			"': its name should be name-version.tar.gz, or that of a wheel."
	case q.Version != "" && !caveats.EqualVersions(version, q.Version):
		return "The file '" + text.Line(text.Clip(q.Filename)) + "' does not match the version '" + text.Line(text.Clip(q.Version)) + "'."
	}
	return ""
}

// decide asks the verifier.
func (s *Server) decide(r *http.Request, authorization string, req caveats.Request, final bool) (decision, int) {
	asked := &http.Request{Header: http.Header{}}
	if authorization != "" {
		asked.Header.Set("Authorization", authorization)
	}
	token, err := httpauth.Token(asked)
	var grant verifier.Grant
	allowed := false
	switch {
	case err != nil:
	case final:
		grant, err = s.cfg.Verifier.Verify(r.Context(), token, req)
		allowed = err == nil
	default:
		grant, allowed, err = gateway.CheckSoFar(r.Context(), s.cfg.Verifier, token, req)
	}
	if err != nil {
		a := httpauth.Explain(err)
		d := decision{Reason: a.Sentence}
		var denial *verifier.Denial
		if errors.As(err, &denial) {
			d.tokenID, d.userID = denial.TokenID, denial.UserID
		}
		return d, a.Status
	}
	if allowed && final && grant.ProjectID != "" { // not a project that does not exist yet
		s.cfg.OnUse(grant, req.ClientIP)
	}
	return decision{Allowed: allowed, Project: grant.Project, TokenID: grant.TokenID, UserID: grant.UserID, User: grant.UserName}, http.StatusOK
}

func answerDecision(w http.ResponseWriter, d decision, status int) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if d.Reason != "" {
		h.Set("X-Rind-Reason", d.Reason)
	}
	w.WriteHeader(status)
	_ = text.JSON(w, d)
}

// factHeaders are the headers in which a proxy says what it knows from the path. It must set both whether or not the client
// did.
var factHeaders = []string{"X-Rind-Project", "X-Rind-Filename"}

// forwardAuth answers nginx (auth_request), Caddy (forward_auth), Traefik (ForwardAuth) and Envoy (ext_authz), whatever the
// method is and whatever comes behind the path, which Envoy fills with the client's: 200 where the token is not refused, as
// far as is known, else 403 and why. A proxy that knows the project from the path names it in X-Rind-Project. If it names the
// file too, in X-Rind-Filename, nothing more will be known, and 200 means that the upload is allowed. Otherwise this handler
// does not know the file, so the server that stores it must ask again.
func (s *Server) forwardAuth(w http.ResponseWriter, r *http.Request) {
	var authorization string
	switch sent := r.Header.Values("Authorization"); len(sent) {
	case 0:
	case 1:
		authorization = sent[0]
	default:
		s.refuseProxy(w, r, httpauth.ErrRepeated.Sentence())
		return
	}
	for _, name := range factHeaders {
		if len(r.Header.Values(name)) > 1 {
			s.refuseProxy(w, r, "The proxy in front has to set "+name+", and not to add it.")
			return
		}
	}
	q := question{Project: r.Header.Get("X-Rind-Project"), Filename: r.Header.Get("X-Rind-Filename")}
	req := caveats.Request{Action: caveats.ActionUpload, Project: q.Project, Filename: q.Filename, ClientIP: s.cfg.ClientIP(r)}
	if q.Filename != "" {
		sentence := q.misfit()
		if q.Project == "" {
			sentence = "The proxy in front names a file without its project."
		}
		if sentence != "" {
			s.refuseProxy(w, r, sentence)
			return
		}
		req.Version = dist.VersionOf(q.Filename, caveats.NormalizeProject(q.Project))
	}
	d, status := s.decide(r, authorization, req, q.Filename != "")
	s.log(r, "/v1/auth", req, d)
	if status == http.StatusOK {
		h := w.Header()
		h.Set("X-Rind-Token", d.TokenID)
		h.Set("X-Rind-User", d.User)
		h.Set("X-Rind-Project", d.Project)
	}
	answerDecision(w, d, status)
}

// refuseProxy refuses a question that can be understood in two ways.
func (s *Server) refuseProxy(w http.ResponseWriter, r *http.Request, sentence string) {
	d := decision{Reason: sentence}
	s.log(r, "/v1/auth", caveats.Request{ClientIP: s.cfg.ClientIP(r)}, d)
	answerDecision(w, d, http.StatusForbidden)
}
