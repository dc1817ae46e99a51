// Package authn authenticates people: accounts, passwords, second factors, recovery codes, sign-in sessions,
// and the limits on guessing them.
//
// Begin with New, and with the comments of three types: Service says what the package guarantees, Config what it
// stores and how, and SessionManager how a web front end carries a sign-in through net/http. A Service has the
// rules, in parts:
//
//	Accounts, Addresses, Passwords                registering, verified addresses, changing and resetting passwords
//	Sessions, Devices                             signing in and out, browsers that an account knows
//	Authenticators, SecurityKeys, RecoveryCodes   second factors
//	Recoveries                                    regaining access after all second factors are lost
//	Invitations, Administration, Settings         what administrators do
//	Notifications, Trail, Cleanup                 choice of mails, audit trail, deleting what has expired
//
// The names of a part's files begin with its name; core_*.go is what all parts share. Package password hashes and
// judges passwords, package totp computes time-based codes; neither uses the store.
package authn
