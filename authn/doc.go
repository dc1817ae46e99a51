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
// # What is guaranteed
//
// A Session is SignedIn only after a second factor, or in a browser that was
// remembered after one. Every method checks the stage of its Session against the
// account in the transaction that makes the change: a frozen account, a changed password
// or a changed factor invalidates all older Sessions (Session.Generation).
//
// Every change that may remove an intruder from an account increments its generation: to the password or the factors, a
// reset, signing out everywhere, freezing. Everything that depends on the account depends on its generation: sessions in
// any stage, known and remembered browsers (deviceRecord.known), links (accountLinks; endUndo says which of the links
// that move an address back end), and invitations, also those to projects (People.Generation). Each new kind of link
// needs a row in TestEvictionsEndEverything. What an administrator started also ends with their term
// (userRecord.AdminTerm).
//
// A transaction does not grow with what an account, a project or a stranger has accumulated: one number invalidates all
// of it at once, and the records and rows follow in small transactions, or are swept. Writes about a stranger go through
// the exempt store, which does not stop when their request is cancelled; internal/arrows checks the source for that.
//
// Links, one-time codes, recovery codes and the step of a time-based code are
// used up in the transaction that accepts them, so each works once, even
// if many requests send it at the same moment. An attempt is counted in a
// transaction of its own before it is checked, so no later failure
// undoes the count.
//
// A security key is asked in two steps: a Begin method returns what the browser
// needs, and stores a challenge for this Session and purpose alone; the method that
// takes the key's answer uses the challenge up in a transaction that commits even
// if the answer is wrong. A passkey that verified its user counts as both factors
// (BeginPasskey, SignInPasskey).
//
// Nobody can turn off second factors. If all are lost, an administrator starts a
// recovery (Recoveries.Start), which takes days, notifies the owner at once, and ends
// without effect with the owner's next complete sign-in; Recoveries.Run carries it on.
//
// An account moves to another address when the reader of that address follows a link; the previous
// address gets a mail first, and can undo the change for seven days. An account that
// never confirms an address is deleted after a week (DropUnconfirmed).
//
// Each change writes its row of the audit trail in the same transaction.
// No row, log line or error contains a secret. The same transaction writes the notice for the
// account's owner to Config.Notices, and a mail with a link to Config.Notifier:
// a change that needs a mail fails if the queue refuses it.
//
// # What is in the store
//
// Keys start with "authn/" and "session". Password hashes (argon2id), TOTP
// secrets, security keys and challenges are sealed under the key with the record's name as associated data.
// Links, sessions and devices are stored only as SHA-256 hashes, recovery codes only as
// HMAC-SHA-256 under a key derived from the sealing key. Somebody who steals the
// store's file without the key can't sign in as anybody.
package authn
