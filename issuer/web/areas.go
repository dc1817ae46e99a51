package web

import (
	"context"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/leaks"
	"github.com/rind-dev/rind/issuer/files"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/publishers"
	"github.com/rind-dev/rind/issuer/tokens"
)

// The areas of the site. Each has only what its handlers need; core has what all pages share.

// entryServer has the pages for getting in: sign-in, registration, and those that links in emails lead to.
type entryServer struct {
	*core
	auth entryAuth
}

// accountServer has the pages of the visitor's account: address, password, second factors, sessions.
type accountServer struct {
	*core
	auth accountAuth
}

// tokenServer has the pages of the visitor's tokens.
type tokenServer struct {
	*core
	tokens       *tokens.Service
	projects     *projects.Service
	maxTokenLife time.Duration // 0: no limit
}

// projectServer has the pages of projects for their members, and of invitations.
type projectServer struct {
	*core
	projects    *projects.Service
	tokens      *tokens.Service
	publishers  *publishers.Service
	files       *files.Service // nil: another program keeps the index
	canRegister func(context.Context) (bool, error)
}

// publisherServer has the pages of trusted publishers, of projects and pending ones.
type publisherServer struct {
	*core
	publishers *publishers.Service
	projects   *projects.Service
}

// adminServer has the pages for administrators.
type adminServer struct {
	*core
	auth      adminAuth
	projects  *projects.Service
	tokens    *tokens.Service
	followers *followers.Service

	keepsFiles bool // this server does
}

// activityServer shows and exports the audit trail of an account, of a project, or all of it.
type activityServer struct {
	*core
	auth     activityAuth
	projects *projects.Service
}

// apiServer serves programs: clients that revoke their own token, secret scanners, load balancers.
type apiServer struct {
	*core
	tokens      *tokens.Service
	followers   *followers.Service
	leaks       *leaks.Keys                 // nil: no scanner may report
	reportSlots reportSlots                 // for reports of leaked tokens
	canVerify   func(context.Context) error // nil: always
}

// The parts of authn that the areas use.
type (
	entryAuth struct {
		Accounts       *authn.Accounts
		Addresses      *authn.Addresses
		Authenticators *authn.Authenticators
		Devices        *authn.Devices
		Passwords      *authn.Passwords
		Recoveries     *authn.Recoveries
		RecoveryCodes  *authn.RecoveryCodes
		SecurityKeys   *authn.SecurityKeys
		Sessions       *authn.Sessions
	}
	accountAuth struct {
		Accounts       *authn.Accounts
		Addresses      *authn.Addresses
		Authenticators *authn.Authenticators
		Devices        *authn.Devices
		Notifications  *authn.Notifications
		Passwords      *authn.Passwords
		Recoveries     *authn.Recoveries
		RecoveryCodes  *authn.RecoveryCodes
		SecurityKeys   *authn.SecurityKeys
		Sessions       *authn.Sessions
		Trail          *authn.Trail
	}
	adminAuth struct {
		Accounts       *authn.Accounts
		Administration *authn.Administration
		Invitations    *authn.Invitations
		Recoveries     *authn.Recoveries
		Settings       *authn.Settings
		Trail          *authn.Trail
	}
	activityAuth struct {
		Accounts *authn.Accounts
		Sessions *authn.Sessions
		Trail    *authn.Trail
	}
)

func entryParts(a *authn.Service) entryAuth {
	return entryAuth{
		Accounts: a.Accounts, Addresses: a.Addresses, Authenticators: a.Authenticators, Devices: a.Devices, Passwords: a.Passwords,
		Recoveries: a.Recoveries, RecoveryCodes: a.RecoveryCodes, SecurityKeys: a.SecurityKeys, Sessions: a.Sessions,
	}
}

func accountParts(a *authn.Service) accountAuth {
	return accountAuth{
		Accounts: a.Accounts, Addresses: a.Addresses, Authenticators: a.Authenticators, Devices: a.Devices, Notifications: a.Notifications,
		Passwords: a.Passwords, Recoveries: a.Recoveries, RecoveryCodes: a.RecoveryCodes, SecurityKeys: a.SecurityKeys, Sessions: a.Sessions,
		Trail: a.Trail,
	}
}

func adminParts(a *authn.Service) adminAuth {
	return adminAuth{
		Accounts: a.Accounts, Administration: a.Administration, Invitations: a.Invitations, Recoveries: a.Recoveries, Settings: a.Settings,
		Trail: a.Trail,
	}
}

func activityParts(a *authn.Service) activityAuth {
	return activityAuth{
		Accounts: a.Accounts, Sessions: a.Sessions, Trail: a.Trail,
	}
}
