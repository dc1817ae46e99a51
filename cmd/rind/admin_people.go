package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/rind-dev/rind/issuer/adminhttp"
)

// table writes rows in columns.
func table(w io.Writer, rows func(row func(cells ...string))) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	rows(func(cells ...string) { fmt.Fprintln(t, strings.Join(cells, "\t")) })
	t.Flush() // into memory
}

// further says how to see the next page.
func further(w io.Writer, next string) {
	if next != "" {
		fmt.Fprintf(w, "There are more: continue with --after %s\n", next)
	}
}

// page has the flags of a list.
type page struct {
	After string `help:"Continue after the previous page, with the value it ended with." placeholder:"NEXT"`
	Limit int    `help:"How many to list, at most 1000." default:"100" placeholder:"N"`
}

type adminPeopleCmd struct {
	Search string `arg:"" optional:"" help:"Part of a username or an email address."`
	page
}

// Run lists accounts.
func (c adminPeopleCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	var out adminhttp.People
	return a.do(ctx, s, "people", adminhttp.Request{Search: c.Search, After: c.After, Limit: c.Limit}, &out, func(w io.Writer) {
		table(w, func(row func(...string)) {
			for _, p := range out.People {
				row(p.Username, p.Email, p.State, role(p), p.CreatedAt)
			}
		})
		further(w, out.Next)
	})
}

func role(p adminhttp.Person) string {
	if p.Admin {
		return "administrator"
	}
	return "-"
}

// named is a command about one account.
type named struct {
	Name string `arg:"" help:"Username." placeholder:"NAME"`
}

// run runs the command, and prints what was done.
func (n named) run(ctx context.Context, s streams, a *adminCmd, command, done string, req adminhttp.Request) error {
	var out adminhttp.Done
	req.Name = n.Name
	return a.do(ctx, s, command, req, &out, func(w io.Writer) {
		fmt.Fprintf(w, done+"\n", out.Name)
		if out.Sessions != nil {
			fmt.Fprintf(w, "%d sessions ended.\n", *out.Sessions)
		}
		if out.Ends != "" {
			fmt.Fprintf(w, "It takes effect at %s, unless the owner signs in before then.\n", out.Ends)
		}
		printPropagation(w, out.Verifiers)
	})
}

type adminPersonCmd struct{ named }

// Run shows an account.
func (c adminPersonCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	var p adminhttp.PersonDetail
	return a.do(ctx, s, "person", adminhttp.Request{Name: c.Name}, &p, func(w io.Writer) {
		table(w, func(row func(...string)) {
			row("username:", p.Username)
			row("id:", p.ID)
			row("address:", p.Email+map[bool]string{true: " (confirmed)", false: " (not confirmed)"}[p.Verified])
			row("state:", p.State)
			row("role:", role(p.Person))
			row("since:", p.CreatedAt)
			row("signed in:", either(p.SignedInAt, "never, as far as the audit trail goes back"))
			row("sessions:", fmt.Sprint(p.Sessions))
			row("second factors:", fmt.Sprintf("%s, %d keys, %d recovery codes left", map[bool]string{true: "authenticator app", false: "no authenticator app"}[p.TOTP], p.Keys, p.CodesLeft))
			row("tokens:", fmt.Sprintf("%d not revoked", p.Tokens))
			for _, m := range p.Projects {
				row("project:", m.Name+" ("+m.Role+")")
			}
			if p.Recovery != "" {
				row("recovery:", "takes effect at "+p.Recovery)
			}
		})
	})
}

type adminFreezeCmd struct{ named }

// Run freezes an account.
func (c adminFreezeCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	return c.run(ctx, s, a, "freeze", "%s is frozen.", adminhttp.Request{})
}

type adminThawCmd struct{ named }

// Run thaws an account.
func (c adminThawCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	return c.run(ctx, s, a, "thaw", "%s is thawed.", adminhttp.Request{})
}

type adminSignOutCmd struct{ named }

// Run signs an account out.
func (c adminSignOutCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	return c.run(ctx, s, a, "sign-out", "%s is signed out everywhere.", adminhttp.Request{})
}

type adminRecoverCmd struct {
	named
	Vouched bool `help:"You know who is asking, and not only from an email. Needed if the password was set by email."`
}

// Run starts a recovery.
func (c adminRecoverCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	return c.run(ctx, s, a, "recover", "The recovery of %s has started.", adminhttp.Request{Vouched: c.Vouched})
}

type adminMakeAdminCmd struct{ named }

// Run makes an account an administrator.
func (c adminMakeAdminCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	return c.run(ctx, s, a, "make-admin", "%s is an administrator.", adminhttp.Request{})
}

type adminDropAdminCmd struct{ named }

// Run makes an account an ordinary user.
func (c adminDropAdminCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	return c.run(ctx, s, a, "drop-admin", "%s is no longer an administrator.", adminhttp.Request{})
}

type adminInviteCmd struct {
	Email string `arg:"" help:"Email address to send the invitation to." placeholder:"ADDRESS"`
}

// Run invites somebody. It prints the link, so that it can be handed over if mail does not
// arrive.
func (c adminInviteCmd) Run(ctx context.Context, s streams, a *adminCmd) error {
	var out adminhttp.Secret
	return a.do(ctx, s, "invite", adminhttp.Request{Email: c.Email}, &out, func(w io.Writer) {
		fmt.Fprintf(w, "This link creates an account for %s. It works once, until %s:\n\n  %s\n\n", out.Name, out.Ends, out.Link)
		if out.Mailed {
			fmt.Fprintln(w, "It was also sent by email.")
		} else {
			fmt.Fprintln(w, "The email could not be sent, so pass the link on yourself.")
		}
	})
}

// printPropagation prints which verifiers have the change; r is nil if the change does not concern them.
func printPropagation(w io.Writer, r *adminhttp.Propagation) {
	if r == nil {
		return
	}
	fmt.Fprintf(w, "%d of %d connected verifiers have it.\n", r.Applied, r.Connected)
	if len(r.Behind) > 0 {
		fmt.Fprintf(w, "Still waiting for %s.\n", strings.Join(r.Behind, ", "))
	}
	if len(r.Away) > 0 {
		fmt.Fprintf(w, "Not connected: %s.\n", strings.Join(r.Away, ", "))
	}
}
