package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rind-dev/rind/issuer/adminhttp"
)

type adminProjectsCmd struct {
	Search  string `arg:"" optional:"" help:"Part of a name."`
	Unowned bool   `help:"Only projects without an active owner."`
	page
}

// Run lists projects.
func (c adminProjectsCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	var out adminhttp.Projects
	req := adminhttp.Request{Search: c.Search, Unowned: c.Unowned, After: c.After, Limit: c.Limit}
	return a.do(ctx, s, "projects", req, &out, func(w io.Writer) {
		table(w, func(row func(...string)) {
			for _, p := range out.Projects {
				state := p.Status
				if p.Unowned && state != "quarantined" {
					state = "no active owner"
				}
				row(p.Name, strings.Join(p.Owners, ", "), fmt.Sprintf("%d members", p.Members), state, p.CreatedAt)
			}
		})
		further(w, out.Next)
	})
}

type adminAppointCmd struct {
	Project string `arg:"" help:"Name of the project." placeholder:"PROJECT"`
	Name    string `arg:"" help:"Username of the new owner." placeholder:"NAME"`
}

// Run appoints an owner.
func (c adminAppointCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	var out adminhttp.Done
	return a.do(ctx, s, "appoint-owner", adminhttp.Request{Name: c.Project, User: c.Name}, &out, func(w io.Writer) {
		fmt.Fprintf(w, "%s is now an owner of %s.\n", c.Name, out.Name)
		printPropagation(w, out.Verifiers)
	})
}

type adminQuarantineCmd struct {
	Project string `arg:"" help:"Name of the project." placeholder:"PROJECT"`
	Reason  string `help:"Why. Members get an email with it, and the index shows it." required:"" placeholder:"TEXT"`
}

// Run quarantines a project.
func (c adminQuarantineCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	var out adminhttp.Done
	return a.do(ctx, s, "quarantine", adminhttp.Request{Name: c.Project, Reason: c.Reason}, &out, func(w io.Writer) {
		fmt.Fprintf(w, "The project %s is quarantined.\n", out.Name)
		printPropagation(w, out.Verifiers)
	})
}

type adminLiftCmd struct {
	Project string `arg:"" help:"Name of the project." placeholder:"PROJECT"`
}

// Run lifts the quarantine of a project.
func (c adminLiftCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	var out adminhttp.Done
	return a.do(ctx, s, "lift-quarantine", adminhttp.Request{Name: c.Project}, &out, func(w io.Writer) {
		fmt.Fprintf(w, "The project %s is not quarantined.\n", out.Name)
		printPropagation(w, out.Verifiers)
	})
}

type adminReleasesCmd struct {
	Project string `arg:"" help:"Name of the project." placeholder:"PROJECT"`
}

// Run lists releases and their files.
func (c adminReleasesCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	var out adminhttp.Releases
	return a.do(ctx, s, "releases", adminhttp.Request{Name: c.Project}, &out, func(w io.Writer) {
		if len(out.Releases) == 0 {
			fmt.Fprintln(w, "The project has no releases.")
		}
		table(w, func(row func(...string)) {
			for _, r := range out.Releases {
				state := "not yanked"
				if r.Yanked {
					state = strings.TrimSuffix("yanked: "+r.Reason, ": ")
				}
				for _, f := range r.Files {
					row(r.Version, f.Name, fmt.Sprintf("%d bytes", f.Size), f.UploadedAt, state)
				}
			}
		})
	})
}

// releaseArgs name a release.
type releaseArgs struct {
	Project string `arg:"" help:"Name of the project." placeholder:"PROJECT"`
	Version string `arg:"" help:"Version of the release." placeholder:"VERSION"`
}

// onRelease sends a command about the release, and prints what it is now, or will be.
func (r releaseArgs) onRelease(ctx context.Context, s streams, a *adminCmd, name, reason, is, willBe string) error {
	var out adminhttp.Done
	req := adminhttp.Request{Name: r.Project, Version: r.Version, Reason: reason}
	return a.do(ctx, s, name, req, &out, func(w io.Writer) {
		printDecided(w, out, fmt.Sprintf("The release %s of %s", out.Version, out.Name), is, willBe)
	})
}

type adminYankCmd struct {
	releaseArgs
	Reason string `help:"Why, for those who install it. Installers print it." placeholder:"TEXT"`
}

// Run yanks a release.
func (c adminYankCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	return c.onRelease(ctx, s, a, "yank", c.Reason, "is yanked", "will be yanked")
}

type adminUnyankCmd struct{ releaseArgs }

// Run undoes a yank.
func (c adminUnyankCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	return c.onRelease(ctx, s, a, "unyank", "", "is not yanked", "will no longer be yanked")
}

type adminDeleteReleaseCmd struct{ releaseArgs }

// Run deletes a release.
func (c adminDeleteReleaseCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	return c.onRelease(ctx, s, a, "delete-release", "", "is deleted", "will be deleted")
}

type adminDeleteFileCmd struct {
	Project string `arg:"" help:"Name of the project." placeholder:"PROJECT"`
	File    string `arg:"" help:"Name of the file." placeholder:"FILE"`
}

// Run deletes a file.
func (c adminDeleteFileCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	var out adminhttp.Done
	return a.do(ctx, s, "delete-file", adminhttp.Request{Name: c.Project, File: c.File}, &out, func(w io.Writer) {
		printDecided(w, out, fmt.Sprintf("The file %s of %s", c.File, out.Name), "is deleted", "will be deleted")
	})
}

// printDecided prints what files are now, or will be.
func printDecided(w io.Writer, out adminhttp.Done, what, is, willBe string) {
	if !out.Later {
		fmt.Fprintf(w, "%s %s.\n", what, is)
		return
	}
	fmt.Fprintf(w, "%s %s. This is recorded, but rind could not do it yet. It tries again every minute; the server's log says what is wrong.\n", what, willBe)
}

type adminTokensCmd struct {
	Search  string `arg:"" optional:"" help:"Part of a label, or the beginning of an ID. Never a token."`
	Owner   string `help:"Username whose tokens to list." placeholder:"NAME" xor:"in"`
	Project string `help:"Project whose tokens to list." placeholder:"NAME" xor:"in"`
	page
}

// Run lists tokens.
func (c adminTokensCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	if c.Search != "" && c.Owner+c.Project != "" {
		complain(s.err, errors.New("give a text to search for, or --owner, or --project"))
		return exitCode(exitUsage)
	}
	var out adminhttp.Tokens
	req := adminhttp.Request{Search: c.Search, Owner: c.Owner, Project: c.Project, After: c.After, Limit: c.Limit}
	return a.do(ctx, s, "tokens", req, &out, func(w io.Writer) {
		table(w, func(row func(...string)) {
			for _, t := range out.Tokens {
				projects := strings.Join(t.Projects, ", ")
				if t.All {
					projects = "all projects"
				}
				if t.Registers {
					projects += ", and new ones"
				}
				row(t.ID, t.Label, t.Owner, projects, t.State, "used "+either(t.LastUsedAt, "never"))
			}
		})
		further(w, out.Next)
	})
}

type adminRevokeCmd struct {
	ID     string `arg:"" help:"ID of the token, as 'rind admin tokens' and 'rind token inspect' print it." placeholder:"ID"`
	Reason string `help:"Why you revoke it. The owner gets an email with the reason." required:"" placeholder:"TEXT"`
}

// Run revokes a token.
func (c adminRevokeCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	var out adminhttp.Done
	return a.do(ctx, s, "revoke-token", adminhttp.Request{ID: c.ID, Reason: c.Reason}, &out, func(w io.Writer) {
		fmt.Fprintf(w, "The token %s was revoked.\n", out.Name)
		printPropagation(w, out.Verifiers)
	})
}

type adminVerifiersCmd struct{}

// Run lists verifiers.
func (adminVerifiersCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	var out adminhttp.Verifiers
	return a.do(ctx, s, "verifiers", adminhttp.Request{}, &out, func(w io.Writer) {
		table(w, func(row func(...string)) {
			for _, v := range out.Verifiers {
				state := "away"
				switch {
				case v.RevokedAt != "":
					state = "revoked"
				case v.Astray:
					state = "has a different history: stop the server and run 'rind restored'"
				case v.Connected:
					state = "connected"
				}
				row(v.ID, v.Name, state, fmt.Sprintf("%d behind", v.Lag), "seen "+either(v.SeenAt, "never"))
			}
		})
	})
}

type adminRegisterVerifierCmd struct {
	Name string `arg:"" help:"Name of the verifier." placeholder:"NAME"`
}

// Run registers a verifier. Only its secret is on stdout, so that it can be sent to a
// file.
func (c adminRegisterVerifierCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	var out adminhttp.Secret
	return a.do(ctx, s, "register-verifier", adminhttp.Request{Name: c.Name}, &out, func(w io.Writer) {
		fmt.Fprintf(s.err, "The verifier %s is registered. You will not see its secret again.\n", out.Name)
		fmt.Fprintln(w, out.Secret)
	})
}

type adminRevokeVerifierCmd struct {
	Name string `arg:"" help:"Name or ID of the verifier." placeholder:"NAME"`
}

// Run revokes a verifier.
func (c adminRevokeVerifierCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	var out adminhttp.Done
	return a.do(ctx, s, "revoke-verifier", adminhttp.Request{Name: c.Name}, &out, func(w io.Writer) {
		fmt.Fprintf(w, "The verifier %s was revoked and disconnected.\n", out.Name)
	})
}

// set sends a command that answers with the settings, and prints them.
func (a *adminCmd) set(ctx context.Context, s streams, command string, req adminhttp.Request) error {
	var out adminhttp.Settings
	return a.do(ctx, s, command, req, &out, func(w io.Writer) {
		table(w, func(row func(...string)) {
			if out.ReadOnly {
				row("read-only:", "since "+out.ReadOnlySince+": "+either(out.Reason, "no reason given"))
			} else {
				row("read-only:", "no")
			}
			row("registration:", out.Registration+map[bool]string{true: " (as configured)", false: ""}[out.Configured])
			if out.Banner == "" {
				row("banner:", "none")
				return
			}
			row("banner:", out.Banner)
			row("", out.BannerLevel+", until "+either(out.BannerUntil, "it is removed"))
		})
	})
}

type adminSettingsCmd struct{}

// Run shows the settings.
func (adminSettingsCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	return a.set(ctx, s, "settings", adminhttp.Request{})
}

type adminReadOnlyCmd struct {
	State  string `arg:"" enum:"on,off" help:"on or off."`
	Reason string `help:"Shown on every page." placeholder:"TEXT"`
}

// Run makes rind read-only, or not.
func (c adminReadOnlyCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	return a.set(ctx, s, "read-only", adminhttp.Request{On: c.State == "on", Reason: c.Reason})
}

type adminRegistrationCmd struct {
	To string `arg:"" enum:"open,invite,default" help:"open, invite, or default (as configured)."`
}

// Run says who may open an account.
func (c adminRegistrationCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	return a.set(ctx, s, "registration", adminhttp.Request{To: c.To})
}

type adminBannerCmd struct {
	Set   adminBannerSetCmd   `cmd:"" help:"Publish an announcement."`
	Clear adminBannerClearCmd `cmd:"" help:"Remove the announcement."`
}

type adminBannerSetCmd struct {
	Text  string `arg:"" help:"At most 300 characters of plain text." placeholder:"TEXT"`
	Level string `help:"Style: info or warning." enum:"info,warning" default:"info" placeholder:"LEVEL"`
	Until string `help:"When it ends (RFC 3339, like 2027-01-31T12:00:00Z). Without it, the announcement stays." placeholder:"TIME"`
}

// Run announces something.
func (c adminBannerSetCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	req := adminhttp.Request{Text: c.Text, Level: c.Level}
	if c.Until != "" {
		var err error
		req.Until, err = time.Parse(time.RFC3339, c.Until)
		if err != nil {
			complain(s.err, fmt.Errorf("--until %q is not a time like 2027-01-31T12:00:00Z", c.Until))
			return exitCode(exitUsage)
		}
	}
	return a.set(ctx, s, "set-banner", req)
}

type adminBannerClearCmd struct{}

// Run takes the announcement down.
func (adminBannerClearCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	return a.set(ctx, s, "clear-banner", adminhttp.Request{})
}
