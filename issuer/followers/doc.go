// Package followers is how verifiers follow an issuer: which of them may, what each has applied,
// and what they are told.
//
// Start with New on a ledger, its tokens, and who records uses. In this process a verifier follows
// by Position, Changes and Wait, which make a Service a replication.Source. Verifiers elsewhere are
// let in by RegisterVerifier; they take a Snapshot, follow by OpenStream, and say by Report
// what they have applied and which tokens were used. Confirm waits until the connected ones have a
// revision, and says which do not.
//
// # Positions
//
// A position is an identity, an epoch, a revision and a chain value: numbers alone do not tell two
// histories apart. ErrOtherIssuer, ErrOtherHistory and ErrAhead say that an operator has to
// decide; feed.ErrCompacted says that a snapshot has to be taken.
//
// # What they are told
//
// The change log names records; each room says what verifiers hear of its own: users from ledger,
// projects from projects, tokens from tokens. No entry of the log and no
// frame of a snapshot holds a password, a factor or a session.
package followers
