package tokens

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// FirstUpload is an upload of a project that a verifier does not know. Its texts come from outside.
type FirstUpload struct {
	Text     string          // of the token
	Request  caveats.Request // all that is known of the upload; the action, the user and the time are filled in here
	By       audit.Actor     // who uploads, as far as known
	Verifier string          // name of the verifier that asks; "" for the issuer's own
}

// NotRegistered is the error for a project that is not registered, with the answer for the client that uploads.
type NotRegistered struct {
	Status   int              // 400 if the name can't be registered, 403 if the token or its owner may not, 429 if the owner registers too many
	Reason   string           // why the token may not, in the words of verifiers; "" if Problems say it
	Problems problem.Problems // what is wrong with the name
}

// Error lists the reasons, for logs and tests.
func (e *NotRegistered) Error() string {
	if e.Reason != "" {
		return "tokens: not registered: " + e.Reason
	}
	return "tokens: not registered: " + e.Problems.Error()
}

// Sentence returns the refusal in words, for the client that uploads. say has the sentence of a problem.
func (e *NotRegistered) Sentence(say func(problem.Problem) string) string {
	if e.Reason != "" {
		return "Invalid API Token: " + e.Reason
	}
	var all []string
	for _, p := range e.Problems {
		all = append(all, say(p))
	}
	return "The project can't be registered. " + strings.Join(all, " ")
}

func notAllowed(reason string) error {
	return &NotRegistered{Status: http.StatusForbidden, Reason: reason}
}

// FirstUploads registers projects by their first upload.
type FirstUploads struct{ s *Service }

// Register registers the project of a first upload, for the owner of the token. It checks all that a verifier checks,
// and that the token was issued so that it may register projects. It returns the revision at which a verifier knows the
// project. If the token's owner has the project already, as when somebody asks again, it changes nothing. A refusal is a
// *NotRegistered; any other error says that it could not be decided.
func (f *FirstUploads) Register(ctx context.Context, up FirstUpload) (revision uint64, err error) {
	t, err := token.Parse(up.Text)
	if err != nil || !caveats.ValidUUID(t.ID) {
		return 0, notAllowed(ErrNotGenuine.Error())
	}
	yours := false
	err = f.s.store.View(ctx, func(r kv.Reader) error { // so that a refusal costs no write
		var err error
		_, _, yours, err = f.registrant(r, t, up)
		if err != nil {
			return err
		}
		last, err := ledger.LastChain(r)
		revision = last.Revision()
		return err
	})
	if err != nil || yours {
		return revision, err
	}
	created := ""
	revision, err = f.s.ledger.Update(ctx, func(c *ledger.Change) error {
		created = ""
		p, rec, yours, err := f.registrant(c, t, up)
		if err != nil || yours {
			return err
		}
		if err := c.Admit(p); err != nil {
			return err
		}
		ref, err := f.s.projects.Register(c, p, up.Request.Project, up.detail(t.ID, rec))
		if err != nil {
			return err
		}
		created = ref.ID
		d := rec.described(t.ID)
		d.Project, d.Verifier = ref.Name, up.Verifier
		return c.Notify(ledger.Principal{Actor: up.By}, notices.ProjectRegistered, rec.User, d)
	})
	var ps problem.Problems
	if errors.As(err, &ps) {
		return 0, &NotRegistered{Status: statusOf(ps), Problems: ps}
	}
	if err == nil && created != "" {
		f.s.log.InfoContext(ctx, "project registered by its first upload", "project", created, "token", t.ID)
	}
	return revision, err
}

// statusOf returns the status for problems with registering a project.
func statusOf(ps problem.Problems) int {
	switch {
	case ps.Has("too_many_projects_today"), ps.Has("too_many_reserved_names"):
		return http.StatusTooManyRequests
	case ps.Has("too_many_projects"):
		return http.StatusForbidden
	}
	return http.StatusBadRequest
}

// detail returns what the audit row of the project says of its first upload.
func (up FirstUpload) detail(id string, rec tokenRecord) map[string]string {
	out := map[string]string{"token": id, "label": rec.Label}
	for name, v := range map[string]string{"version": up.Request.Version, "file": up.Request.Filename, "verifier": up.Verifier} {
		if v != "" {
			out[name] = v
		}
	}
	return out
}

// registrant returns the owner of the token as the one who registers the project of an upload, and the token's record. yours
// reports whether the project exists, and the owner's tokens may upload to it.
func (f *FirstUploads) registrant(r kv.Reader, t token.Token, up FirstUpload) (p ledger.Principal, rec tokenRecord, yours bool, err error) {
	err = f.s.authenticate(r, t)
	if errors.Is(err, ErrNotGenuine) {
		err = notAllowed(ErrNotGenuine.Error())
	}
	if err != nil {
		return p, rec, false, err
	}
	rec, err = readToken(r, t.ID)
	if err != nil {
		return p, rec, false, err
	}
	user, err := ledger.ReadUser(r, rec.User)
	if err != nil {
		return p, rec, false, err
	}
	if why := f.obstacle(t, rec, user, up.Request); why != "" {
		return p, rec, false, notAllowed(why)
	}
	there, err := projects.ByName(r, up.Request.Project)
	member, isMember := there.Members[rec.User]
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		err = nil
	case err == nil && (!isMember || !member.MayUpload()):
		err = notAllowed("user '" + user.Name + "' is not a member of project '" + there.Normalized + "'")
	case err == nil:
		yours = true
	}
	return ledger.Principal{UserID: rec.User, Username: user.Name, Actor: up.By}, rec, yours, err
}

// obstacle says why the token may not register the project of an upload, or returns "".
func (f *FirstUploads) obstacle(t token.Token, rec tokenRecord, user ledger.User, req caveats.Request) string {
	now := f.s.clock()
	switch {
	case !rec.Revoked.At.IsZero():
		return "token was revoked"
	case rec.state(now) == StateExpired:
		return "token is expired"
	case user.Frozen, user.Revoking:
		return "user '" + user.Name + "' is frozen"
	case !rec.registers():
		return "token may not register projects"
	}
	req.Action, req.UserID, req.ProjectID, req.Now = caveats.ActionCreate, rec.User, "", now
	req.Project = caveats.NormalizeProject(req.Project)
	var words []string
	for _, f := range caveats.Check(append(t.Caveats[:len(t.Caveats):len(t.Caveats)], currentCaveats(rec)...), req) {
		words = append(words, f.Text)
	}
	return strings.Join(words, "; ")
}

// registers reports whether the token may register projects by their first upload.
func (rec tokenRecord) registers() bool {
	return rec.Registers && rec.Scope == ScopeAll && rec.Run == nil
}
