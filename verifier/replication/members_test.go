package replication_test

import (
	"context"
	"strings"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// accounts are alice and bob, as the room of accounts knows them.
type accounts struct{}

func (accounts) UserNamed(_ kv.Reader, name string) (string, error) {
	for _, p := range []ledger.Principal{alice, bob} {
		if strings.EqualFold(p.Username, name) {
			return p.UserID, nil
		}
	}
	return "", nil
}

func (accounts) Generation(kv.Reader, string) (uint64, error)      { return 0, nil }
func (accounts) VerifiedAddress(kv.Reader, string) (string, error) { return "", nil }

// AddMember invites somebody, who accepts. It forgets how many were invited today.
func (o *origin) AddMember(ctx context.Context, by ledger.Principal, project, userID string, role projects.Role) (uint64, error) {
	who := alice
	if userID == bob.UserID {
		who = bob
	}
	inv, err := o.Projects.Invite(ctx, by, project, projects.InviteRequest{To: who.Username, Role: role})
	if err != nil {
		return 0, err
	}
	done, err := o.Projects.AcceptInvitation(ctx, who, inv.ID)
	if err != nil {
		return 0, err
	}
	return done.Revision, o.store.Update(ctx, func(tx kv.Tx) error {
		pairs, err := tx.Scan([]byte("issuer/invitetally/"), nil, 0, false)
		for _, p := range pairs {
			if err := tx.Delete(p.Key); err != nil {
				return err
			}
		}
		return err
	})
}
