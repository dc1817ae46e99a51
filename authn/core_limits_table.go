package authn

import (
	"fmt"
	"slices"
	"time"
)

// window allows max attempts in any span of this length.
type window struct {
	max  int
	span time.Duration
}

// limit is a group of attempts that are counted together, with its windows, the longest last. Each is
// a row of limitTable that says whom it counts, who can fill it, and what is refused then: a limit
// that a stranger can fill against the owner of an account is a way to keep the owner out.
type limit struct {
	name    string
	windows []window

	key    string // whom it counts
	filled string // who can fill it
	closes string // what is refused when it is full, and who is exempt

	spares bool // when full, it refuses only sources that failed before
	source bool // it records whether a source failed before
	quiet  bool // when full, it refuses as if the attempt were wrong: saying so would reveal which name and address share an account
}

const (
	minute = time.Minute
	hour   = time.Hour
	daily  = 24 * time.Hour
)

var guesses = []window{{5, 5 * minute}, {20, hour}, {50, daily}} // at codes

// limitTable lists everything that is counted. A "network" is an address, or for IPv6 its /64; a
// "known browser" is one that the account knows (Devices.Note) since its password and factors last
// changed.
var limitTable = []limit{
	{name: "password", windows: []window{{10, 5 * minute}}, key: "what was typed as name, network",
		filled: "anybody in that network", closes: "passwords for that name from that network; not in known browsers"},
	{name: "password-login", windows: []window{{100, 5 * minute}}, spares: true, key: "what was typed as name",
		filled: "anybody", closes: "passwords for that name from networks that failed before; not in known browsers"},
	{name: "password-account", windows: []window{{10, 5 * minute}}, quiet: true, key: "account, network",
		filled: "anybody in that network", closes: "as password, for the account's name and address together"},
	{name: "password-account-all", windows: []window{{100, 5 * minute}}, spares: true, quiet: true, key: "account",
		filled: "anybody", closes: "as password-login, for the account's name and address together"},
	{name: "password-address", windows: []window{{50, 5 * minute}}, source: true, key: "network",
		filled: "anybody in that network", closes: "passwords from that network; not in known browsers"},
	{name: "password-all", windows: []window{{1000, 5 * minute}}, spares: true, key: "everybody",
		filled: "anybody", closes: "passwords from networks that failed before; not in known browsers"},
	{name: "password-device", windows: []window{{10, 5 * minute}}, key: "account, known browser",
		filled: "who uses that browser", closes: "passwords in that browser"},
	{name: "password-devices", windows: []window{{30, 5 * minute}}, key: "account, network of known browsers",
		filled: "who uses known browsers of the account there", closes: "passwords in known browsers of the account in that network"},
	{name: "password-change", windows: []window{{10, 5 * minute}}, key: "account",
		filled: "who is signed in, with a fresh factor", closes: "changing the password by the old one"},

	{name: "factor", windows: guesses, key: "account, password",
		filled: "who has the password", closes: "codes; not in known browsers, not security keys, not behind a new password"},
	{name: "factor-account", windows: []window{{150, daily}}, key: "account",
		filled: "who has three passwords of the account within a day", closes: "codes; not in known browsers, not security keys"},
	{name: "factor-session", windows: guesses, key: "account, password",
		filled: "who is signed in to the account", closes: "giving a code again; not in known browsers, not security keys, not behind a new password"},
	{name: "factor-device", windows: guesses, key: "account, known browser",
		filled: "who uses that browser", closes: "codes in that browser"},
	{name: "factor-devices", windows: []window{{200, daily}}, key: "account, password",
		filled: "who uses many known browsers of the account", closes: "codes in known browsers; not security keys, not behind a new password"},
	{name: "factor-mail", windows: []window{{1, hour}, {5, daily}}, key: "account, password",
		filled: "who has the password", closes: "further mails that somebody fails at the second factor"},
	{name: "key", windows: []window{{60, 5 * minute}}, key: "account, network",
		filled: "who has the password, in that network", closes: "security keys of the account from that network; not in known browsers"},
	{name: "key-device", windows: []window{{60, 5 * minute}}, key: "account, known browser",
		filled: "who uses that browser", closes: "security keys in that browser"},
	{name: "add-key", windows: []window{{20, 5 * minute}, {100, daily}}, key: "account",
		filled: "who may add keys to the account", closes: "adding keys"},
	{name: "passkey", windows: []window{{20, 5 * minute}}, key: "network",
		filled: "anybody in that network", closes: "passkeys from that network; not in browsers that the passkey's account knows"},
	{name: "passkey-device", windows: []window{{20, 5 * minute}}, key: "account, known browser",
		filled: "who uses that browser", closes: "passkeys in that browser"},
	{name: "passkey-begin", windows: []window{{200, 5 * minute}}, key: "network",
		filled: "anybody in that network", closes: "passkeys from that network; passwords go on"}, // the sign-in page begins one by itself

	{name: "mail", windows: []window{{3, 15 * minute}, {10, daily}}, key: "account",
		filled: "who has the password of the account", closes: "verification mails, and moving to another address"},
	{name: "mail-address", windows: []window{{20, hour}}, key: "network",
		filled: "anybody in that network", closes: "mails asked for from that network; not resets in known browsers"},
	{name: "reset", windows: []window{{3, 15 * minute}, {10, daily}}, key: "account or what was typed, network",
		filled: "anybody in that network", closes: "mails about a forgotten password, asked for from that network; not in known browsers"},
	{name: "reset-account", windows: []window{{9, 15 * minute}, {30, daily}}, key: "account or what was typed",
		filled: "anybody with three networks, by sending the owner 30 mails", closes: "mails about a forgotten password; not in known browsers"},
	{name: "reset-device", windows: []window{{3, 15 * minute}, {10, daily}}, key: "account, known browser",
		filled: "who uses that browser", closes: "mails about a forgotten password in that browser"},

	// Forms with problems count too, because scoring a password takes time.
	{name: "register-form", windows: []window{{100, hour}}, key: "network", filled: "anybody in that network", closes: "registering from that network without a link"},
	{name: "register", windows: []window{{20, hour}}, key: "network", filled: "anybody in that network", closes: "registering from that network without a link"},
	{name: "register-link-form", windows: []window{{100, hour}}, key: "link", filled: "who has the link", closes: "registering with that link"},
	{name: "register-link", windows: []window{{20, hour}}, key: "link", filled: "who has the link", closes: "registering with that link"},
	{name: "reset-form", windows: []window{{100, hour}}, key: "account", filled: "who has a reset link of the account", closes: "setting the password by a link"},
	{name: "reset-hash", windows: []window{{20, hour}}, key: "account", filled: "who has a reset link of the account", closes: "setting the password by a link"},
	{name: "mailbox", windows: []window{{5, hour}, {10, daily}}, key: "mailbox, without what follows a '+'",
		filled: "anybody, by sending the mailbox 5 mails", closes: "registering with addresses of that mailbox without a link; not accounts that there are, and not with a link"},
	{name: "mailbox-again", windows: []window{{10, hour}, {20, daily}}, key: "mailbox, without what follows a '+'",
		filled: "who has several accounts, by sending the mailbox 10 mails", closes: "verifying addresses of that mailbox again, and moving accounts to them; not registering, and not verifying what was sent"},
	{name: "mailbox-invite", windows: []window{{10, daily}}, key: "mailbox, without what follows a '+'",
		filled: "administrators", closes: "administrators' invitations to that mailbox; not the operator's"},
	{name: "recovery-codes", windows: []window{{10, hour}, {30, daily}}, key: "account",
		filled: "who is signed in, with a fresh factor", closes: "making new recovery codes"},
	{name: "change-form", windows: []window{{100, hour}}, key: "account", filled: "who is signed in, with a fresh factor", closes: "changing the password"},
}

// limitByName is a row of limitTable.
func limitByName(name string) limit {
	i := slices.IndexFunc(limitTable, func(l limit) bool { return l.name == name })
	if i < 0 {
		panic(fmt.Sprintf("authn: limitTable has no row %q", name))
	}
	return limitTable[i]
}

// The limits, by name.
var (
	limitPassword           = limitByName("password")
	limitPasswordLogin      = limitByName("password-login")
	limitPasswordAccount    = limitByName("password-account")
	limitPasswordAccountAll = limitByName("password-account-all")
	limitPasswordAddress    = limitByName("password-address")
	limitPasswordAll        = limitByName("password-all")
	limitPasswordDevice     = limitByName("password-device")
	limitPasswordDevices    = limitByName("password-devices")
	limitPasswordChange     = limitByName("password-change")
	limitFactor             = limitByName("factor")
	limitFactorAccount      = limitByName("factor-account")
	limitFactorSession      = limitByName("factor-session")
	limitFactorDevice       = limitByName("factor-device")
	limitFactorDevices      = limitByName("factor-devices")
	limitFactorMail         = limitByName("factor-mail")
	limitKey                = limitByName("key")
	limitKeyDevice          = limitByName("key-device")
	limitAddKey             = limitByName("add-key")
	limitPasskey            = limitByName("passkey")
	limitPasskeyDevice      = limitByName("passkey-device")
	limitPasskeyBegin       = limitByName("passkey-begin")
	limitMail               = limitByName("mail")
	limitMailAddress        = limitByName("mail-address")
	limitReset              = limitByName("reset")
	limitResetAccount       = limitByName("reset-account")
	limitResetDevice        = limitByName("reset-device")
	limitRegisterForm       = limitByName("register-form")
	limitRegister           = limitByName("register")
	limitRegisterLinkForm   = limitByName("register-link-form")
	limitRegisterLink       = limitByName("register-link")
	limitResetForm          = limitByName("reset-form")
	limitResetHash          = limitByName("reset-hash")
	limitMailbox            = limitByName("mailbox")
	limitMailboxAgain       = limitByName("mailbox-again")
	limitMailboxInvite      = limitByName("mailbox-invite")
	limitRecoveryCodes      = limitByName("recovery-codes")
	limitChangeForm         = limitByName("change-form")
)
