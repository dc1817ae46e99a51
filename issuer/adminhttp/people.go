package adminhttp

import (
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

// commands lists every command by name.
var commands = map[string]command{
	"people": people, "person": person, "freeze": freeze(true), "thaw": freeze(false), "sign-out": signOut,
	"recover": startRecovery, "make-admin": setAdmin(true), "drop-admin": setAdmin(false), "invite": invite,
	"projects": projectList, "appoint-owner": appointOwner, "quarantine": quarantine, "lift-quarantine": liftQuarantine,
	"releases": onFiles(releases), "yank": onRelease(yank), "unyank": onRelease(unyank), "delete-release": onRelease(deleteRelease), "delete-file": onFiles(deleteFile),
	"tokens": tokenList, "revoke-token": revokeToken,
	"verifiers": verifiers, "register-verifier": registerVerifier, "revoke-verifier": revokeVerifier,
	"settings": settings, "read-only": readOnly, "registration": registration, "set-banner": setBanner, "clear-banner": clearBanner,
}

// stamp writes a time as RFC 3339, "" for the zero time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func shown(u authn.User) Person {
	p := Person{
		ID: u.ID, Username: u.Username, Email: u.Email, Verified: u.EmailVerified, State: ui.PersonActive, Admin: u.Admin,
		CreatedAt: stamp(u.CreatedAt),
	}
	switch {
	case u.Frozen:
		p.State = ui.PersonFrozen
	case !u.EmailVerified || !u.HasFactor() || !u.RecoveryConfirmed:
		p.State = ui.PersonPending
	}
	return p
}

func people(c *call) (any, error) {
	page, err := c.Auth.Administration.People(c.ctx, c.by, authn.PeopleQuery{Text: c.req.Search, After: c.req.After, Limit: c.req.Limit})
	out := People{People: []Person{}, Next: page.Next}
	for _, u := range page.People {
		out.People = append(out.People, shown(u))
	}
	return out, err
}

func person(c *call) (any, error) {
	u, err := c.user()
	if err != nil {
		return nil, err
	}
	p, err := c.Auth.Administration.Person(c.ctx, c.by, u.ID)
	if err != nil {
		return nil, err
	}
	out := PersonDetail{
		Person: shown(p.User), TOTP: p.HasTOTP, Keys: p.Keys, CodesLeft: p.RecoveryCodesLeft, Sessions: p.Sessions,
		SignedInAt: stamp(p.SignedInAt), Projects: []Member{},
	}
	count, err := c.Issuer.Tokens.List(c.ctx, u.ID, tokens.Page{Limit: 1})
	if err != nil {
		return nil, err
	}
	out.Tokens = count.Unrevoked
	roles, err := c.Issuer.Projects.List(c.ctx, u.ID)
	if err != nil {
		return nil, err
	}
	for _, r := range roles {
		out.Projects = append(out.Projects, Member{Name: r.Name, Role: string(r.Role)})
	}
	waits, some, err := c.Auth.Recoveries.Pending(c.ctx, c.by, u.ID)
	if some {
		out.Recovery = stamp(waits.Ends)
	}
	return out, err
}

func freeze(frozen bool) command {
	return func(c *call) (any, error) {
		u, err := c.user()
		if err == nil {
			err = c.Auth.Administration.SetFrozen(c.ctx, c.by, c.from, u.ID, frozen)
		}
		if err != nil {
			return nil, err
		}
		verifiers, err := c.confirmed()
		return Done{Name: u.Username, Verifiers: verifiers}, err
	}
}

func signOut(c *call) (any, error) {
	u, err := c.user()
	if err != nil {
		return nil, err
	}
	n, err := c.Auth.Administration.SignOutEverywhere(c.ctx, c.by, c.from, u.ID)
	return Done{Name: u.Username, Sessions: &n}, err
}

func startRecovery(c *call) (any, error) {
	u, err := c.user()
	if err != nil {
		return nil, err
	}
	r, err := c.Auth.Recoveries.Start(c.ctx, c.by, c.from, u.ID, c.req.Vouched)
	return Done{Name: u.Username, Ends: stamp(r.Ends)}, err
}

func setAdmin(admin bool) command {
	return func(c *call) (any, error) {
		u, err := c.user()
		if err == nil {
			err = c.Auth.Administration.SetAdmin(c.ctx, c.by, c.from, u.ID, admin)
		}
		return Done{Name: u.Username}, err
	}
}

func invite(c *call) (any, error) {
	i, link, err := c.Auth.Invitations.Invite(c.ctx, c.by, c.from, c.req.Email)
	if err != nil {
		return nil, err
	}
	return Secret{Name: i.Email, Link: c.Address(ui.PathInvitation.WithLink(link.Reveal())), Mailed: !i.Unmailed, Ends: stamp(i.Expires)}, nil
}
