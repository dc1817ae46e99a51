package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/issuer/adminhttp"
)

// exitNotRunning is the exit code of 'rind admin' where no server answers.
const exitNotRunning = 3

// adminTime is how long a command may take.
const adminTime = time.Minute

// adminCmd administers a server that runs on this machine.
type adminCmd struct {
	Data   string `help:"The server's data folder." default:"data" placeholder:"DIR"`
	Socket string `help:"The server's socket (default: admin.sock in the data folder)." placeholder:"FILE"`
	JSON   bool   `name:"json" help:"Print one JSON object. 'rind admin --help' lists its fields."`

	People    adminPeopleCmd    `cmd:"" help:"List accounts."`
	Person    adminPersonCmd    `cmd:"" help:"Show one account."`
	Freeze    adminFreezeCmd    `cmd:"" help:"Freeze an account: it can't sign in, and its tokens can't upload."`
	Thaw      adminThawCmd      `cmd:"" help:"Thaw a frozen account."`
	SignOut   adminSignOutCmd   `cmd:"" name:"sign-out" help:"End all sessions of an account."`
	Recover   adminRecoverCmd   `cmd:"" help:"Start a recovery for somebody who has lost all second factors."`
	MakeAdmin adminMakeAdminCmd `cmd:"" name:"make-admin" help:"Make an account an administrator."`
	DropAdmin adminDropAdminCmd `cmd:"" name:"drop-admin" help:"Remove an account as an administrator."`
	Invite    adminInviteCmd    `cmd:"" help:"Invite somebody by email, and print the link."`

	Projects     adminProjectsCmd `cmd:"" help:"List projects."`
	AppointOwner adminAppointCmd  `cmd:"" name:"appoint-owner" help:"Give a project without an active owner a new owner."`
	Tokens       adminTokensCmd   `cmd:"" help:"List tokens, but never their text."`
	RevokeToken  adminRevokeCmd   `cmd:"" name:"revoke-token" help:"Revoke somebody's token."`

	Verifiers        adminVerifiersCmd        `cmd:"" help:"List verifiers, and how up to date they are."`
	RegisterVerifier adminRegisterVerifierCmd `cmd:"" name:"register-verifier" help:"Register a verifier, and print its secret once."`
	RevokeVerifier   adminRevokeVerifierCmd   `cmd:"" name:"revoke-verifier" help:"Revoke a verifier, and disconnect it at once."`

	Settings     adminSettingsCmd     `cmd:"" help:"Show the settings of the whole server."`
	ReadOnly     adminReadOnlyCmd     `cmd:"" name:"read-only" help:"Turn read-only mode on or off."`
	Registration adminRegistrationCmd `cmd:"" help:"Set who can create an account."`
	Banner       adminBannerCmd       `cmd:"" help:"Publish an announcement on every page, or remove it."`
}

// Help documents exit codes and the JSON objects.
func (adminCmd) Help() string {
	return `It talks to a running 'rind serve' over a unix socket that only its user and root may use. The audit trail shows who did it as "operator NAME (uid N)". ` +
		`The exit code is 0 if it was done, 1 if it was refused, 2 if the command is wrong, 3 if no server answers. ` +
		"\n\nJSON: times are RFC 3339 in UTC, \"\" if there is none; a list has next, for --after, \"\" on its last page. " +
		"people: people[] of id, username, email, email_verified, state (active, pending, frozen), administrator, created_at. " +
		"person: the same and authenticator_app, security_keys, recovery_codes_left, sessions, last_signed_in_at, tokens, projects[] of name, role, recovery_ends_at. " +
		"projects: projects[] of name, owners[], without_active_owner, members, archived, created_at. " +
		"tokens: tokens[] of id, label, owner, projects[], all_projects, state (active, expired, revoked), created_at, expires_at, last_used_at, revoked_at, revoked_reason. " +
		"verifiers: verifiers[] of id, name, connected, other_history, lag, behind_seconds, seen_at, revoked_at. " +
		"settings, read-only, registration, banner: read_only, read_only_since, read_only_reason, registration (open, invite), registration_as_configured, banner, banner_level, banner_until. " +
		"invite: name, link, mailed, expires_at. register-verifier: name, secret. " +
		"Others: name; verifiers (connected, applied, behind[], away[]) after changes sent to verifiers; sessions; ends_at. " +
		"A refusal: error[] of code, field, text."
}

// socket is the path of the server's socket.
func (a *adminCmd) socket() string {
	if a.Socket != "" {
		return a.Socket
	}
	return filepath.Join(a.Data, config.SocketFile)
}

// unanswered says what to do where a socket could not be spoken to.
func unanswered(err error, socket string) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w\nonly root and the user that runs 'rind serve' can open %s", err, socket)
	}
	return fmt.Errorf("%w\nno server answers at %s: is 'rind serve' running with this data folder? Use --data or --socket to name another", err, socket)
}

// do sends a command, and prints the answer with show, or as JSON. What was refused is
// said on stderr, or as JSON on stdout.
func (a *adminCmd) do(ctx context.Context, s streams, name string, req adminhttp.Request, answer any, show func(io.Writer)) error {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	status, body, err := a.send(ctx, name, req)
	if err != nil {
		complain(s.err, unanswered(err, a.socket()))
		return exitCode(exitNotRunning)
	}
	if status != http.StatusOK {
		return a.refused(s, status, body)
	}
	if a.JSON {
		return printAnswer(s.out, body)
	}
	if err := decodeLines(body, answer); err != nil {
		return fmt.Errorf("the server's answer can't be read: %w", err)
	}
	var b bytes.Buffer
	show(&b)
	_, err = s.out.Write(b.Bytes())
	return err
}

// printAnswer prints what a server sent, if it is JSON, as one line of ASCII.
func printAnswer(w io.Writer, body []byte) error {
	if !json.Valid(body) {
		return errors.New("the server's answer can't be read: it is not JSON")
	}
	return text.JSON(w, json.RawMessage(body))
}

// decodeLines decodes what a server sent, with each text as text.Line writes it: none of
// them can look like another line of the output.
func decodeLines(body []byte, answer any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return err
	}
	b, err := json.Marshal(inLines(v))
	if err != nil {
		return err
	}
	return json.Unmarshal(b, answer)
}

func inLines(v any) any {
	switch v := v.(type) {
	case string:
		return text.Line(v)
	case []any:
		for i := range v {
			v[i] = inLines(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = inLines(v[k])
		}
	}
	return v
}

// refused says why a command was not done.
func (a *adminCmd) refused(s streams, status int, body []byte) error {
	var r adminhttp.Refusal
	if err := decodeLines(body, &r); err != nil || len(r.Error) == 0 {
		complain(s.err, fmt.Errorf("the server refused with status %d: it is probably a different version of rind", status))
		return exitCode(exitFailed)
	}
	if a.JSON {
		if err := printAnswer(s.out, body); err != nil {
			return err
		}
	}
	var lines []string
	for _, p := range r.Error {
		lines = append(lines, p.Text)
	}
	complain(s.err, errors.New(strings.Join(lines, "\n")))
	return exitCode(exitFailed)
}

// send asks the server, and returns its answer. An error means that nobody answered.
func (a *adminCmd) send(ctx context.Context, name string, req adminhttp.Request) (status int, body []byte, err error) {
	path := a.socket()
	if err := adminhttp.CheckSocket(path); err != nil {
		return 0, nil, err
	}
	b, err := json.Marshal(req)
	if err != nil {
		return 0, nil, err
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://rind"+adminhttp.Prefix+name, bytes.NewReader(b))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := transport.RoundTrip(r)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, body, err
}
