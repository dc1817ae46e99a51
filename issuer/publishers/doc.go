// Package publishers lets jobs of CI systems upload without a secret: a job shows an ID token, and gets an upload token for
// some minutes.
//
// A publisher is a rule of a project's owners about such jobs: the repository, the workflow, and more (Rules). Owners manage
// publishers with Add, Remove, TakeOver and Vouch; a pending publisher (AddPending) is for a project that is not registered yet.
// Exchange turns an ID token into an upload token.
//
// # Who vouches
//
// Each publisher has an owner who vouches for it: who added it, or said Vouch later. Its tokens belong to that owner. They stop
// working when the publisher is removed, and when that owner is no owner of the project any more: nothing is minted until another owner vouches.
//
// # One transaction
//
// The transaction that mints a token reads the publisher and notes that the ID token was used, so that
// an ID token gives one token however often it is presented at once. Signatures are checked before it.
//
// # Identity
//
// The ids that stand behind names (of a repository and its owner, of a project and its group) are pinned at the first use: a
// repository that was renamed goes on working, and one that somebody else made under the same name does not.
package publishers
