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

// The areas of the site. Each holds what its handlers need and no more; what all pages share is in core.

// entryServer lets people in: it signs in and registers, and is where the links of mails lead.
type entryServer struct {
	*core
	auth *authn.Service
}

// accountServer has the pages of one's own account: address, password, second factors, sessions.
type accountServer struct {
	*core
	auth *authn.Service
}

// tokenServer has the pages of one's own tokens.
type tokenServer struct {
	*core
	tokens       *tokens.Service
	projects     *projects.Service
	maxTokenLife time.Duration // 0: no limit
}

// projectServer has the pages of the projects that one is a member of, or invited to.
type projectServer struct {
	*core
	projects    *projects.Service
	tokens      *tokens.Service
	canRegister func(context.Context) (bool, error)
}

// adminServer has the pages of administrators.
type adminServer struct {
	*core
	auth      *authn.Service
	projects  *projects.Service
	tokens    *tokens.Service
	followers *followers.Service
}

// activityServer shows and exports the audit trail: one's own, that of a project, all of it.
type activityServer struct {
	*core
	auth     *authn.Service
	projects *projects.Service
}

// apiServer answers programs: whoever holds a token and ends it, secret scanners, load balancers.
type apiServer struct {
	*core
	tokens     *tokens.Service
	followers  *followers.Service
	leaks      *leaks.Keys                 // nil where no scanner reports
	leakBodies leakPlaces                  // for reports of leaked tokens
	canVerify  func(context.Context) error // nil: always
}
