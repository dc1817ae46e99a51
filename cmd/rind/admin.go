package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/issuer/adminhttp"
)

// exitNotRunning is the exit code of 'rind admin' if no server answers.
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

	Projects       adminProjectsCmd      `cmd:"" help:"List projects."`
	AppointOwner   adminAppointCmd       `cmd:"" name:"appoint-owner" help:"Give a project without an active owner a new owner."`
	Quarantine     adminQuarantineCmd    `cmd:"" help:"Quarantine a project: it takes no uploads, and rind offers none of the files that it keeps."`
	LiftQuarantine adminLiftCmd          `cmd:"" name:"lift-quarantine" help:"Lift the quarantine of a project."`
	Releases       adminReleasesCmd      `cmd:"" help:"List the releases of a project and their files, if rind keeps the files."`
	Yank           adminYankCmd          `cmd:"" help:"Yank a release, if rind keeps the files: installers skip it unless somebody asks for exactly this version."`
	Unyank         adminUnyankCmd        `cmd:"" help:"Undo a yank."`
	DeleteRelease  adminDeleteReleaseCmd `cmd:"" name:"delete-release" help:"Delete all files of a release for good. Nobody can upload files with their names again."`
	DeleteFile     adminDeleteFileCmd    `cmd:"" name:"delete-file" help:"Delete one file for good. Nobody can upload a file with its name again."`
	Tokens         adminTokensCmd        `cmd:"" help:"List tokens, but never their text."`
	RevokeToken    adminRevokeCmd        `cmd:"" name:"revoke-token" help:"Revoke somebody's token."`

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
	return `It talks to a running 'rind serve' over a Unix socket that only its user and root may use. The audit trail shows who did it as "operator NAME (uid N)". ` +
		`The exit code is 0 if it was done, 1 if it was refused, 2 if the command is wrong, 3 if no server answers. ` +
		"\n\nJSON: times are RFC 3339 in UTC, \"\" if there is none; a list has next, for --after, \"\" on its last page. " +
		"people: people[] of id, username, email, email_verified, state (active, pending, frozen), administrator, created_at. " +
		"person: the same and authenticator_app, security_keys, recovery_codes_left, sessions, last_signed_in_at, tokens, projects[] of name, role, recovery_ends_at. " +
		"projects: projects[] of name, owners[], without_active_owner, members, archived, status (active, deprecated, archived, quarantined), created_at. " +
		"releases: releases[] of version, uploaded_at, yanked, yanked_reason, files[] of name, size, sha256, uploaded_at. yank, unyank, delete-release, delete-file: name, version, later (true if it is recorded and not done yet). " +
		"tokens: tokens[] of id, label, owner, projects[], all_projects, registers, state (active, expired, revoked), created_at, expires_at, last_used_at, revoked_at, revoked_reason. " +
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

// unanswered returns an error that says what to do if the socket does not answer.
func unanswered(err error, socket string) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w\nonly root and the user that runs 'rind serve' can open %s", err, socket)
	}
	return fmt.Errorf("%w\nno server answers at %s: is 'rind serve' running with this data folder? Use --data or --socket to name another", err, socket)
}

// do sends a command, and prints the answer with show, or as JSON. It prints a refusal
// on stderr, or as JSON on stdout.
func (a *adminCmd) do(ctx context.Context, s streams, name string, req adminhttp.Request, answer any, show func(io.Writer)) error {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	got, err := adminhttp.Ask(ctx, a.socket(), name, req)
	if err != nil {
		complain(s.err, unanswered(err, a.socket()))
		return exitCode(exitNotRunning)
	}
	if !got.Done() {
		return a.refused(s, got)
	}
	if a.JSON {
		return got.WriteJSON(s.out)
	}
	if err := got.Decode(answer); err != nil {
		return err
	}
	var b bytes.Buffer
	show(&b)
	_, err = s.out.Write(b.Bytes())
	return err
}

// refused says why a command was not done.
func (a *adminCmd) refused(s streams, got adminhttp.Answer) error {
	problems := got.Problems()
	if len(problems) == 0 {
		complain(s.err, fmt.Errorf("the server refused with status %d: it is probably a different version of rind", got.Status))
		return exitCode(exitFailed)
	}
	if a.JSON {
		if err := got.WriteJSON(s.out); err != nil {
			return err
		}
	}
	complain(s.err, errors.New(strings.Join(problems, "\n")))
	return exitCode(exitFailed)
}
