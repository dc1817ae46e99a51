// Package followers lets verifiers follow an issuer: it decides which of them may, tracks what each
// has applied, and sends them the changes.
//
// Start with New on a ledger, its tokens, and a UseRecorder. A verifier in this process follows
// through Position, Changes and Wait, which make a Service a replication.Source. RegisterVerifier
// admits verifiers elsewhere; they take a Snapshot, follow with OpenStream, and report with Report
// what they have applied and which tokens were used. Confirm waits until the connected verifiers
// have applied a revision, and says which have not.
//
// # Positions
//
// A position is an identity, an epoch, a revision and a chain value: numbers alone do not tell two
// histories apart. ErrOtherIssuer, ErrOtherHistory and ErrAhead say that an operator has to
// decide; feed.ErrCompacted says that the verifier has to take a snapshot.
//
// # What verifiers hear
//
// The change log names records, and the room that keeps a record decides what verifiers hear of
// it: ledger for users, projects for projects, tokens for tokens. No entry of the log and no
// frame of a snapshot holds a password, a factor or a session.
package followers
