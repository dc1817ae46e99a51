package adminhttp

import (
	"slices"

	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/ledger"
)

func verifiers(c *call) (any, error) {
	all, err := c.Issuer.Followers.Verifiers(c.ctx, c.principal())
	out := Verifiers{Verifiers: []Verifier{}}
	for _, v := range all {
		out.Verifiers = append(out.Verifiers, Verifier{
			ID: v.ID, Name: v.Name, Connected: !v.Connected.IsZero(), Astray: v.Astray, Lag: v.Lag, Behind: v.Behind.Seconds(),
			SeenAt: stamp(v.Seen), RevokedAt: stamp(v.Revoked.At),
		})
	}
	return out, err
}

func registerVerifier(c *call) (any, error) {
	v, secret, err := c.Issuer.Followers.RegisterVerifier(c.ctx, c.principal(), c.req.Name)
	return Secret{Name: v.Name, Secret: secret}, err
}

// revokeVerifier revokes the verifier with an ID or, if no verifier has that ID, the active one with
// that name. The ID comes first, so a verifier named like another's ID can't keep that one from being
// revoked.
func revokeVerifier(c *call) (any, error) {
	all, err := c.Issuer.Followers.Verifiers(c.ctx, c.principal())
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(v followers.Verifier) bool { return v.ID == c.req.Name })
	if at < 0 {
		at = slices.IndexFunc(all, func(v followers.Verifier) bool { return v.Name == c.req.Name && v.Revoked.At.IsZero() })
	}
	if at < 0 {
		return nil, ledger.ErrNotFound
	}
	return Done{Name: all[at].Name}, c.Issuer.Followers.RevokeVerifier(c.ctx, c.principal(), all[at].ID)
}
