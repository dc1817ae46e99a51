// Package projects is the projects of an issuer and who is in them: roles, invitations, the
// names that deleted projects leave reserved, and whose tokens are excluded.
//
// Start with New on a ledger. What a person does goes through a method of Service that takes a
// ledger.Principal; a method that changes something returns the revision by which verifiers
// know of it.
//
// # People
//
// Nobody becomes a member of a project without accepting: Invite binds an invitation to
// the user who has a name, or to an address, and answers the same whether there is such
// an account; AcceptInvitation takes it from that user, or from the one whose verified
// address it is, and uses it up. An owner who hands a project on invites, too. An
// invitation is as good as its inviter: it ends when the inviter owns the project no
// longer. A project keeps an owner who is not frozen, whatever happens at once.
//
// # The end of a project
//
// A project that is archived has no member who uploads, as verifiers are told. One that
// is deleted stays as a tombstone under its id, which is never used again, and its
// name is reserved. Package tokens deletes projects, because the tokens that name them end
// with them; Delete is the part that this room has in it.
//
// # For the rooms above
//
// Read, ByName and VisibleTo read a Record in a transaction; Manage runs a change of a
// project that the principal owns; Register makes a project within a change; FeedProject says
// what verifiers hear of one.
package projects
