package samples

import (
	"time"

	"github.com/rind-dev/rind/ui"
)

const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"

func entry() []Page {
	return []Page{
		{"home", ui.HomePage{Layout: visitor(), UploadURL: upload, IndexURL: index}},
		{"home-open", ui.HomePage{Layout: done(visitor(), "signed_out"), RegistrationOpen: true, UploadURL: upload, IndexURL: index}},
		{"home-indexes", ui.HomePage{Layout: visitor(), UploadURL: upload, Others: []ui.IndexAddress{{UploadURL: "https://packages.example.org/team-a/", IndexURL: "https://packages.example.org/team-a/simple/"}, {UploadURL: "https://packages.example.org/team-b/"}}}},
		{"help", ui.HelpPage{Layout: visitor(), UploadURL: upload, TokenURL: "https://packages.example.org/api/token"}},
		{"help-member", ui.HelpPage{Layout: member(), UploadURL: upload, TokenURL: "https://packages.example.org/api/token"}},
		{"register-setup", ui.RegisterPage{Layout: visitor(), Kind: ui.LinkSetup, Link: secret}},
		{"register-invitation", ui.RegisterPage{Layout: visitor(), Kind: ui.LinkInvitation, Link: secret, InvitedBy: "grace"}},
		{"register-invitation-unknown", ui.RegisterPage{Layout: visitor(), Kind: ui.LinkInvitation, Link: secret}},
		{"register-problems", ui.RegisterPage{
			Kind: ui.LinkNone, Username: "-ada-", Email: "ada(at)example.org",
			Layout: wrong(visitor(),
				ui.Problem{Field: "username", Code: "username_invalid"},
				ui.Problem{Field: "email", Code: "email_invalid"},
				ui.Problem{Field: "password", Code: "password_too_short", Args: ui.Args{"min": 12}},
				ui.Problem{Field: "password", Code: "password_weak"}),
		}},
		{"login", ui.LoginPage{Layout: visitor(), Next: "/tokens/new"}},
		{"login-problems", ui.LoginPage{Login: "ada", RegistrationOpen: true, Layout: wrong(visitor(), ui.Problem{Code: "sign_in_failed"})}},
		{"login-passkeys", ui.LoginPage{Layout: visitor(), Next: "/tokens/new", Passkeys: true}},
		{"login-key", ui.LoginKeyPage{Layout: enrolling(), Factors: ui.Factors{Key: true}}},
		{"login-key-again", ui.LoginKeyPage{Layout: member(), Factors: ui.Factors{Key: true, App: true}, Again: true, Next: "/account/totp"}},
		{"login-totp", ui.LoginTOTPPage{Layout: enrolling(), Factors: ui.Factors{Key: true, App: true}}},
		{"login-totp-problems", ui.LoginTOTPPage{Next: "/tokens", Layout: wrong(enrolling(), ui.Problem{Field: "code", Code: "totp_wrong"})}},
		{"login-again", ui.LoginTOTPPage{Layout: member(), Again: true, Next: "/account/totp"}},
		{"login-recovery", ui.LoginRecoveryPage{Layout: enrolling(), Factors: ui.Factors{App: true}, Next: "/tokens"}},
		{"verify-sent", ui.VerifyEmailSentPage{Layout: enrolling(), Email: "ada@example.org", ValidFor: 24 * time.Hour, CanChange: true}},
		{"verify-sent-outbox", ui.VerifyEmailSentPage{Layout: outboxed(enrolling()), Email: "ada@example.org", ValidFor: 24 * time.Hour, CanChange: true}},
		{"verify-sent-problems", ui.VerifyEmailSentPage{
			Email: "ada@example.org", ValidFor: 24 * time.Hour, CanChange: true, NewEmail: "ada@",
			Layout: wrong(done(enrolling(), "verification_sent"), ui.Problem{Field: "email", Code: "email_invalid"}),
		}},
		{"verify-confirm", ui.VerifyEmailConfirmPage{Layout: visitor(), Link: secret, Email: "ada@example.org", Username: "ada"}},
		{"verify-confirm-unknown", ui.VerifyEmailConfirmPage{Layout: visitor(), Link: secret}},
		{"link-expired", ui.LinkInvalidPage{Layout: visitor(), Kind: ui.LinkVerify, Why: ui.LinkExpired}},
		{"link-used", ui.LinkInvalidPage{Layout: visitor(), Kind: ui.LinkInvitation, Why: ui.LinkUsed}},
		{"login-device", ui.LoginDevicePage{Layout: enrolling(), Factors: ui.Factors{Key: true, App: true}, Email: "ada@example.org", ValidFor: time.Hour}},
		{"login-device-confirm", ui.LoginDevicePage{Layout: enrolling(), Link: secret}},
		{"link-device", ui.LinkInvalidPage{Layout: visitor(), Kind: ui.LinkDevice, Why: ui.LinkElsewhere}},
		{"email", ui.EmailPage{Layout: member(), Current: "ada@example.org", ValidFor: day}},
		{"email-problems", ui.EmailPage{
			Layout: wrong(member(), ui.Problem{Field: "email", Code: "email_invalid"}), Current: "ada@example.org", Pending: "ada@engines.example", Typed: "ada@", ValidFor: day,
		}},
		{"email-confirm", ui.EmailConfirmPage{Layout: visitor(), Link: secret, Email: "ada@engines.example", Username: "ada"}},
		{"email-undo", ui.EmailConfirmPage{Layout: visitor(), Link: secret, Email: "ada@example.org", Username: "ada", Undo: true}},
		{"email-undone", ui.EmailUndonePage{Layout: visitor(), Changed: true}},
		{"email-withdrawn", ui.EmailUndonePage{Layout: visitor()}},
		{"link-email", ui.LinkInvalidPage{Layout: visitor(), Kind: ui.LinkEmail, Why: ui.LinkUsed}},
		{"link-email-undo", ui.LinkInvalidPage{Layout: visitor(), Kind: ui.LinkEmailUndo, Why: ui.LinkExpired}},
		{"recover", ui.RecoverPage{Layout: enrolling(), Email: "ada@example.org", ValidFor: 7 * day}},
		{"recover-link", ui.RecoverPage{Layout: enrolling(), Link: secret}},
		{"recover-again", ui.RecoverPage{Layout: enrolling(), Again: true}},
		{"link-recover", ui.LinkInvalidPage{Layout: enrolling(), Kind: ui.LinkRecover, Why: ui.LinkUsed}},
		{"forgot", ui.ForgotPage{Layout: wrong(visitor(), ui.Problem{Code: "throttled", Args: ui.Args{"minutes": 4, "seconds": 200}})}},
		{"forgot-sent-outbox", ui.ForgotPage{Layout: outboxed(visitor()), Login: "ada", Sent: true, ValidFor: time.Hour}},
		{"forgot-sent", ui.ForgotPage{Layout: visitor(), Login: "ada", Sent: true, ValidFor: time.Hour}},
		{"reset", ui.ResetPage{Layout: wrong(visitor(), ui.Problem{Field: "password", Code: "password_breached", Args: ui.Args{"count": 4711}}), Link: secret, Account: "ada"}},
		{"link-reset", ui.LinkInvalidPage{Layout: visitor(), Kind: ui.LinkReset, Why: ui.LinkExpired}},
		{"link-unknown", ui.LinkInvalidPage{Layout: visitor(), Kind: ui.LinkSetup, Why: ui.LinkUnknown}},
	}
}

func account() []Page {
	setup := ui.TOTPSetupPage{
		Layout: enrolling(), QR: qr(), Secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
		URI: "otpauth://totp/rind:ada?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=rind",
	}
	again := setup
	again.Replacing = true
	again.Layout = wrong(member(), ui.Problem{Field: "code", Code: "totp_out_of_sync", Args: ui.Args{"seconds": 240}})
	codes := []string{
		"3f9a01bc77de9c20", "a1b2c3d4e5f60718", "0f1e2d3c4b5a6978", "99aabbccddeeff00",
		"1234567890abcdef", "fedcba0987654321", "5a5a5a5a3c3c3c3c", "7e57ab1e0ddba115",
	}
	return []Page{
		{"factors", ui.FactorChoicePage{Layout: enrolling()}},
		{"factors-both", ui.FactorChoicePage{Layout: member(), SecurityKeyURL: string(ui.PathKeyNew)}},
		{"totp-setup", setup},
		{"totp-replace-problems", again},
		{"recovery-first", ui.RecoveryNewPage{Layout: enrolling(), First: true}},
		{"recovery-new", ui.RecoveryNewPage{Layout: member(), Left: 6}},
		{"recovery-codes", ui.RecoveryCodesPage{Layout: enrolling(), Codes: codes}},
		{"recovery-codes-shown", ui.RecoveryCodesPage{Layout: wrong(enrolling(), ui.Problem{Field: "code", Code: "recovery_wrong"})}},
		{"account", ui.AccountPage{
			Layout: done(member(), "recovery_codes_saved"), Email: "ada@example.org", EmailVerified: true,
			NewEmail: "ada@engines.example", CreatedAt: ago(400 * day), HasTOTP: true, CodesLeft: 6, Events: accountEvents(),
		}},
		{"sessions", ui.SessionsPage{Layout: done(member(), "sessions_ended"), Sessions: sessions(), Devices: devices()}},
		{"sessions-one", ui.SessionsPage{Layout: member(), Sessions: sessions()[:1]}},
		{"notifications", ui.NotificationsPage{Layout: done(member(), "notifications_saved"), Groups: mailGroups()}},
		{"key-new", ui.KeyNewPage{Layout: enrolling()}},
		{"key-new-second", ui.KeyNewPage{Layout: member()}},
		{"key", ui.KeyPage{Layout: wrong(member(), ui.Problem{Field: "name", Code: "key_name_taken", Args: ui.Args{"name": "Laptop"}}), Key: keys()[0], Name: "laptop"}},
		{"key-remove", ui.KeyRemovePage{Layout: wrong(member(), ui.Problem{Code: "last_factor"}), Key: keys()[0]}},
		{"totp-remove", ui.KeyRemovePage{Layout: member()}},
		{"keys-only", ui.KeysOnlyPage{Layout: wrong(member(), ui.Problem{Code: "key_missing"})}},
		{"keys-only-two", ui.KeysOnlyPage{Layout: member(), Keys: 2}},
		{"keys-only-off", ui.KeysOnlyPage{Layout: member(), On: true, Keys: 2}},
		{"account-no-keys", ui.AccountPage{
			Layout: member(), Email: "ada@example.org", EmailVerified: true, CreatedAt: ago(day), HasTOTP: true, CodesLeft: 8, KeysOffered: true,
		}},
		{"account-keys", ui.AccountPage{
			Layout: done(member(), "key_added"), Email: "ada@example.org", EmailVerified: true,
			CreatedAt: ago(400 * day), HasTOTP: true, CodesLeft: 6, KeysOffered: true, Keys: keys(),
		}},
		{"account-recovery", ui.AccountPage{
			Layout: member(), Email: "ada@example.org", EmailVerified: true, CreatedAt: ago(400 * day), HasTOTP: true, CodesLeft: 6,
			Recovery: ui.RecoveryRow{By: "grace", Started: ago(time.Hour), Ends: in(71 * time.Hour)},
		}},
		{"account-keys-only", ui.AccountPage{
			Layout: member(), Email: "ada@example.org", EmailVerified: true,
			CreatedAt: ago(400 * day), HasTOTP: true, CodesLeft: 6, KeysOffered: true, Keys: keys()[:1], KeysOnly: true,
		}},
		{"account-problems", ui.AccountPage{
			Layout: wrong(member(), ui.Problem{Field: "old_password", Code: "password_wrong"}),
			Email:  "ada.with.a.very.long.name.indeed@department.of.engines.example.org", CreatedAt: ago(3 * time.Minute), CodesLeft: 1,
		}},
	}
}

func mailGroups() []ui.MailGroup {
	choices := func(kinds ...ui.MailKind) (out []ui.MailChoice) {
		for _, k := range kinds {
			out = append(out, ui.MailChoice{Kind: k, On: k != "token_unused"})
		}
		return out
	}
	return []ui.MailGroup{
		{Name: "tokens", Choices: choices("token_expiring", "token_unused", "token_first_used", "token_revoked_self"),
			Always: []ui.MailKind{"token_minted", "token_regenerated", "token_revoked", "token_burned", "token_leaked"}},
		{Name: "projects", Choices: choices("role_gained", "role_changed", "role_lost")},
		{Name: "account", Always: []ui.MailKind{
			"new_device", "password_changed", "password_reset", "totp_added", "totp_removed", "key_added", "key_removed", "key_cloned", "key_counter_back",
			"recovery_codes_created", "recovery_code_used", "frozen", "unfrozen",
		}},
	}
}

func keys() []ui.KeyRow {
	return []ui.KeyRow{
		{ID: "k1", Name: "blue key on my keyring", CreatedAt: ago(400 * day), UsedAt: ago(time.Hour)},
		{ID: "k2", Name: "laptop", Passkey: true, CreatedAt: ago(30 * day)},
		{ID: "k3", Name: "a password manager with a rather long name for its passkeys here", Passkey: true, BackedUp: true, CreatedAt: ago(day), UsedAt: ago(time.Minute)},
	}
}

func accountEvents() []ui.EventRow {
	row := func(d time.Duration, kind string, detail map[string]string) ui.EventRow {
		return ui.EventRow{Time: ago(d), Kind: kind, Detail: detail, Actor: "ada", You: true, Account: "ada", Yours: true, IP: "203.0.113.7", Browser: browser, Factor: "totp"}
	}
	failed := row(9*day, "account.sign_in_failed", nil)
	failed.Actor, failed.You, failed.IP, failed.Browser = "", false, "2001:db8:85a3::8a2e:370:7334", "curl/8.14.1"
	frozen := row(70*day, "account.unfrozen", nil)
	frozen.Actor, frozen.You = "grace", false
	return []ui.EventRow{
		row(10*time.Second, "account.factor_accepted", nil),
		row(25*time.Minute, "token.minted", map[string]string{"label": "demo CI", "owner": "ada", "projects": "demo"}),
		row(5*time.Hour, "account.recovery_code_used", map[string]string{"left": "6"}),
		failed,
		frozen,
		row(800*day, "account.registered", nil),
		row(801*day, "account.something_new", nil),
	}
}
