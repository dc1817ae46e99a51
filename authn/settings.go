package authn

import (
	"cmp"
	"context"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// Settings are what administrators set for the whole of rind.
type Settings struct {
	*core
	configured instance.Registration // see Config.Registration
}

// Load returns what administrators have set for the whole of rind. It is not secret: pages show it to
// everybody.
func (s *Settings) Load(ctx context.Context) (out instance.Settings, err error) {
	err = s.store.View(ctx, func(r kv.Reader) (err error) {
		out, err = instance.Load(r)
		return err
	})
	return out, err
}

// Registration returns who may register with these settings, or by the configuration if the settings
// don't say. It never returns instance.AsConfigured.
func (s *Settings) Registration(set instance.Settings) instance.Registration {
	return cmp.Or(set.Registration, s.configured)
}

// setting runs one change of the settings by an administrator with a fresh factor. It passes the
// administrator to change, and writes the row that change returns. A row without a kind says that
// nothing changed.
func (s *Settings) setting(ctx context.Context, by Session, o Origin, change func(set *instance.Settings, admin string, now time.Time) audit.Event) error {
	return s.exempt.Update(ctx, func(tx kv.Tx) error {
		admin, err := s.sessionAdministrator(tx, by, true)
		if err != nil {
			return err
		}
		set, err := instance.Load(tx)
		if err != nil {
			return err
		}
		row := change(&set, admin.Username, s.now().UTC())
		if row.Kind == "" {
			return nil
		}
		row.Actor = o.actor(admin, by.Factor)
		if err := instance.Save(tx, set); err != nil {
			return err
		}
		return s.record(tx, admin.ID, row)
	})
}

// SetReadOnly makes rind read-only, or lets it accept changes again; reason is shown on every page and
// may be "". If it is read-only already, the reason is replaced. A problem has the field "reason". by
// is an administrator with a fresh factor.
func (s *Settings) SetReadOnly(ctx context.Context, by Session, o Origin, on bool, reason string) error {
	reason, err := instance.CheckReason(reason)
	if err != nil {
		return err
	}
	return s.setting(ctx, by, o, func(set *instance.Settings, admin string, now time.Time) (row audit.Event) {
		was := set.ReadOnly
		switch {
		case on && (!was.On() || was.Reason != reason):
			set.ReadOnly = instance.ReadOnly{Since: now, By: admin, Reason: reason}
			if was.On() {
				set.ReadOnly.Since = was.Since
			}
			row = audit.Event{Kind: rowReadOnly, Detail: map[string]string{"reason": reason}}
		case !on && was.On():
			set.ReadOnly = instance.ReadOnly{}
			row = audit.Event{Kind: rowReadOnlyOff, Detail: map[string]string{"was_since": was.Since.Format(time.RFC3339)}}
		}
		return row
	})
}

// SetRegistration says who may open an account from now on, whatever the configuration says;
// instance.AsConfigured leaves it to the configuration. Any other word is the problem
// registration_unknown of the field "registration". by is an administrator with a fresh factor.
func (s *Settings) SetRegistration(ctx context.Context, by Session, o Origin, to instance.Registration) error {
	switch to {
	case instance.Open, instance.ByInvitation, instance.AsConfigured:
	default:
		return problem.New("registration", CodeRegistrationUnknown)
	}
	return s.setting(ctx, by, o, func(set *instance.Settings, _ string, _ time.Time) (row audit.Event) {
		if was := set.Registration; was != to {
			set.Registration = to
			row = audit.Event{Kind: rowRegistration, Detail: map[string]string{"to": string(to), "was": string(was)}}
		}
		return row
	})
}

// SetBanner shows an announcement on every page, in place of the previous one; it fills in Since and
// By. Problems have the fields "text", "level" and "until". by is an administrator with a fresh
// factor.
func (s *Settings) SetBanner(ctx context.Context, by Session, o Origin, b instance.Banner) error {
	b, err := b.Check(s.now())
	if err != nil {
		return err
	}
	return s.setting(ctx, by, o, func(set *instance.Settings, admin string, now time.Time) (row audit.Event) {
		was := set.Banner
		if was.Text == b.Text && was.Level == b.Level && was.Until.Equal(b.Until) {
			return row
		}
		b.Since, b.By = now, admin
		if !b.Until.IsZero() {
			b.Until = b.Until.UTC()
		}
		set.Banner = b
		detail := map[string]string{"text": b.Text, "level": string(b.Level)}
		if !b.Until.IsZero() {
			detail["until"] = b.Until.Format(time.RFC3339)
		}
		return audit.Event{Kind: rowBanner, Detail: detail}
	})
}

// ClearBanner removes the announcement. by is an administrator with a fresh factor.
func (s *Settings) ClearBanner(ctx context.Context, by Session, o Origin) error {
	return s.setting(ctx, by, o, func(set *instance.Settings, _ string, _ time.Time) (row audit.Event) {
		if was := set.Banner; was.Text != "" {
			set.Banner = instance.Banner{}
			row = audit.Event{Kind: rowBannerCleared, Detail: map[string]string{"text": was.Text}}
		}
		return row
	})
}

func (s *Settings) registrationOpen(r kv.Reader) (bool, error) {
	set, err := instance.Load(r)
	if err != nil || s.Registration(set) != instance.Open {
		return false, err
	}
	return hasAccounts(r)
}
