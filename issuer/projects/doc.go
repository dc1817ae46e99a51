// Package projects manages an issuer's projects and their members: roles, invitations, the
// names that deleted projects leave reserved, and the members whose tokens are excluded.
//
// Start with New on a ledger. What a person does goes through a method of Service that takes a
// ledger.Principal; a method that changes something returns the revision by which verifiers
// know of it.
//
// # People
//
// Nobody becomes a member of a project without accepting: Invite binds an invitation to
// the user with a given name, or to an address, and gives the same answer whether or not the
// account exists; AcceptInvitation lets that user, or the user with that verified address,
// use it once. Handing a project on takes an invitation too. An invitation ends when its
// inviter no longer owns the project. A project always keeps an owner who is not frozen,
// even when several changes happen at once.
//
// # The end of a project
//
// Verifiers hear that nobody may upload to an archived or a quarantined project. Owners archive and reopen a project;
// only administrators quarantine it and lift the quarantine, and until then it can't be deleted. Status is what an
// index says about a project. A deleted project
// stays as a tombstone under its id, which is never used again, and its
// name is reserved. Package tokens deletes projects, because the tokens that name them end
// with them; Delete is this package's part of that.
//
// # For packages that import this one
//
// Read, ByName and VisibleTo read a Record in a transaction; Manage runs a change of a
// project that the principal owns; Register makes a project within a change; FeedProject
// returns what verifiers hear about one.
package projects
