// Package tokens manages an issuer's tokens: it sets the policy for minting, mints, restricts,
// renames, replaces, searches and revokes them, and records their use.
//
// Start with New on a ledger and its projects. What a person does goes through a method of Service
// that takes a ledger.Principal; a method that changes something returns the revision by
// which verifiers know of it.
//
// # What is kept of a token
//
// The store keeps the issued caveats, in the clear, and the signature that follows them, sealed.
// The root key is used once and wiped, and only the answer to Mint holds the text.
//
// # Who may
//
// The owner of a token and administrators can see and revoke it; only its owner can change it.
// Whoever holds its text can end it, with Burn. Others get ledger.ErrNotFound, as if it didn't exist.
//
// # What goes on in steps
//
// DeleteProject ends the tokens that name a project, and RevokeTokens ends the tokens of a user
// whose account is recovered. These tokens stop working with the first transaction; records and
// rows follow in steps, and FinishDeletions and FinishRevocations continue after an interruption.
// SendReminders and ForgetOld are for a job that runs every hour.
//
// # Lists
//
// The transactions that change records also maintain what lists are filtered and sorted
// by: an index entry for each token of a user, an index of the tokens that can upload to a
// project, and counters of its uploads. So Find, ProjectTokens and ProjectUploads read
// little, however much the store holds.
package tokens
