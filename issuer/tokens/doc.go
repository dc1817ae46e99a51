// Package tokens is the tokens of an issuer: the policy and the act of minting, how they are
// restricted, renamed, replaced, searched and revoked, and how they are used.
//
// Start with New on a ledger and its projects. What a person does goes through a method of Service
// that takes a ledger.Principal; a method that changes something returns the revision by
// which verifiers know of it.
//
// # What is kept of a token
//
// The issued caveats, in the clear, and the signature behind them, sealed; the
// root key is used once and wiped, and the text is in the answer to Mint only.
//
// # Who may
//
// The owner of a token, and an administrator, see and revoke it; only its owner changes it. Whoever
// holds its text may end it, with Burn. Other people get ledger.ErrNotFound, as if it were not there.
//
// # What goes on in steps
//
// DeleteProject ends the tokens that name a project, RevokeTokens those of a user whose account is
// recovered. No token works from the first transaction on; records and rows follow in steps, and
// FinishDeletions and FinishRevocations continue after an interruption. SendReminders and
// ForgetOld are for a job that runs every hour.
//
// # Lists
//
// What lists are filtered and sorted by is kept beside the records, in the
// transactions that change them: an index entry for each token of a user, an index of the
// tokens that can upload to a project, and counters of its uploads. So Find,
// ProjectTokens and ProjectUploads read little, however much there is.
package tokens
