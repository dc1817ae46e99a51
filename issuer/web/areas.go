package web

import (
	"context"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/leaks"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// The areas of the site. Each holds only what its handlers need; core holds what all pages share.

// entryServer lets people in: sign-in, registration, and the pages that links in emails lead to.
type entryServer struct {
	*core
	auth *authn.Service
}

// accountServer has the pages of the visitor's account: address, password, second factors, sessions.
type accountServer struct {
	*core
	auth *authn.Service
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
	canRegister func(context.Context) (bool, error)
}

// adminServer has the pages for administrators.
type adminServer struct {
	*core
	auth      *authn.Service
	projects  *projects.Service
	tokens    *tokens.Service
	followers *followers.Service
}

// activityServer shows and exports the audit trail of an account, of a project, or all of it.
type activityServer struct {
	*core
	auth     *authn.Service
	projects *projects.Service
}

// apiServer answers programs: clients that revoke their own token, secret scanners, load balancers.
type apiServer struct {
	*core
	tokens      *tokens.Service
	followers   *followers.Service
	leaks       *leaks.Keys                 // nil where no scanner reports
	reportSlots reportSlots                 // for reports of leaked tokens
	canVerify   func(context.Context) error // nil: always
}
