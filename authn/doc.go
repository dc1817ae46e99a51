// Package authn authenticates people: accounts, passwords, second factors,
// recovery codes, sign-in sessions, and the limits on guessing them.
//
// Start with New, which needs a store, the key that seals the secrets in
// it, the issuer's view of users and a queue for mail. A Service implements the rules, in parts:
//
//	Accounts, Addresses, Passwords     registering, verified addresses, changing and resetting passwords
//	Sessions, Devices                  signing in and out, browsers that an account knows
//	Authenticators, SecurityKeys, RecoveryCodes   second factors
//	Recoveries                         regaining access after all second factors are lost
//	Invitations, Administration, Settings         what administrators do
//	Notifications, Trail, Cleanup      choice of mails, audit trail, deleting what has expired
//
// The names of a part's files begin with its name. What all parts share is in core_*.go: the store and the clock,
// access by Session, links, limits, sealed records, audit rows and notices. Package password hashes and judges
// passwords, package totp computes time-based codes; neither uses the store.
//
// A SessionManager carries a signed-in Session through net/http. A web
// front end wraps its handlers in SessionManager.Middleware, reads
// SessionManager.Current, passes that Session to the Service, and gives the Session
// that comes back to SessionManager.Start:
//
//	session, err := auth.Sessions.SignIn(ctx, origin, login, password) // Password or Enrolling
//	err = manager.Start(ctx, session)                                  // a new cookie
//	…
//	session, _, err := manager.Current(ctx)
//	session, err = auth.Authenticators.Verify(ctx, session, origin, code) // SignedIn; or SecurityKeys.Verify, RecoveryCodes.Use
//	err = manager.Start(ctx, session)                                     // again a new cookie
//
// NextStep says which page comes next for somebody whose sign-in is not complete.
//
// The comment of Service says what the package guarantees, and that of Config what it stores, and how.
package authn
