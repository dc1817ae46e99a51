package adminhttp

import (
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/problem"
)

func settings(c *call) (any, error) {
	set, err := c.Auth.Settings.Load(c.ctx)
	out := Settings{
		ReadOnly: set.ReadOnly.On(), ReadOnlySince: stamp(set.ReadOnly.Since), Reason: set.ReadOnly.Reason,
		Registration: string(c.Auth.Settings.Registration(set)), Configured: set.Registration == instance.AsConfigured,
	}
	if b := set.Banner; b.Shown(c.Clock()) {
		out.Banner, out.BannerLevel, out.BannerUntil = b.Text, string(b.Level), stamp(b.Until)
	}
	return out, err
}

// then returns the settings after a change.
func (c *call) then(err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return settings(c)
}

func readOnly(c *call) (any, error) {
	return c.then(c.Auth.Settings.SetReadOnly(c.ctx, c.by, c.from, c.req.On, c.req.Reason))
}

func registration(c *call) (any, error) {
	to := instance.Registration(c.req.To)
	switch to {
	case instance.Open, instance.ByInvitation:
	case "default":
		to = instance.AsConfigured
	default:
		return nil, problem.New("to", "registration_unknown")
	}
	return c.then(c.Auth.Settings.SetRegistration(c.ctx, c.by, c.from, to))
}

func setBanner(c *call) (any, error) {
	b := instance.Banner{Text: c.req.Text, Level: instance.Level(c.req.Level), Until: c.req.Until}
	return c.then(c.Auth.Settings.SetBanner(c.ctx, c.by, c.from, b))
}

func clearBanner(c *call) (any, error) {
	return c.then(c.Auth.Settings.ClearBanner(c.ctx, c.by, c.from))
}
