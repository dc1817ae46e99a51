package tokens

import (
	"encoding/binary"

	"github.com/rind-dev/rind/issuer/ledger"
)

// Keys of tokens in the store, in the notation that package ledger uses for its keys.
//
//	issuer/ending/<project>          deletionRecord: the project is deleted, but tokens still name it
//	issuer/revoking/<user>           revokingRecord: some tokens of the user are still to be revoked
//	issuer/token/<token>             tokenRecord: what lists and pages show
//	issuer/chain/<token>             chainRecord: what verifiers need besides
//	issuer/use/<token>               Use: the last use
//	issuer/used/<project>/<token>    Use: the last use for the project
//	issuer/count/<day>/<project>/<token>
//	                                 number of uses for the project on the day; <day> has four
//	                                 bytes; without a token, the uses of all other tokens
//	issuer/into/<project>/<user>/<revision>
//	                                 expiry and id of the unrevoked token that was minted at the
//	                                 revision and names the project; under anyProject, of one that
//	                                 is for all projects
//	issuer/reminder/<seconds><token>      "": when to check whether its owner needs a reminder
//	issuer/reminderof/<token>             reminderRecord
//	issuer/owned/<user>/<revision>   index entry of the token minted at the revision
//	issuer/label/<user>/<folded>     id of the unrevoked token that has the label
//	issuer/tally/<user>              tally
//	issuer/idempotency/<user>/<mark>        idempotencyRecord
//	issuer/runend/<seconds><token>   "": when a job's token expires
const (
	keyDeletion    = "issuer/ending/"
	keyRevoking    = "issuer/revoking/"
	keyCount       = "issuer/count/"
	keyIdempotency = "issuer/idempotency/"
	keyToken       = "issuer/token/"
	keyChain       = "issuer/chain/"
	keyReminder    = "issuer/reminder/"
	keyRunEnd      = "issuer/runend/"
)

func deletionKey(id string) string         { return keyDeletion + id }
func revokingKey(user string) string       { return keyRevoking + user }
func tokenKey(id string) string            { return keyToken + id }
func chainKey(id string) string            { return keyChain + id }
func useKey(id string) string              { return "issuer/use/" + id }
func reminderOfKey(id string) string       { return "issuer/reminderof/" + id }
func usedKey(project, token string) string { return "issuer/used/" + project + "/" + token }
func countPrefix(day uint32, project string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte(keyCount), day), "/"+project+"/"...)
}
func projectEntriesPrefix(project string) []byte { return []byte("issuer/into/" + project + "/") }
func projectEntriesOf(project, user string) []byte {
	return append(projectEntriesPrefix(project), user+"/"...)
}
func projectEntryKey(project, user string, serial uint64) []byte {
	return binary.BigEndian.AppendUint64(projectEntriesOf(project, user), serial)
}
func runEndKey(end int64, token string) []byte {
	return append(binary.BigEndian.AppendUint64([]byte(keyRunEnd), uint64(end)), token...)
}
func ownedPrefix(user string) []byte { return []byte("issuer/owned/" + user + "/") }
func ownedKey(user string, serial uint64) []byte {
	return binary.BigEndian.AppendUint64(ownedPrefix(user), serial)
}
func labelKey(user, label string) string      { return "issuer/label/" + user + "/" + ledger.Fold(label) }
func tallyKey(user string) string             { return "issuer/tally/" + user }
func idempotencyKey(user, mark string) string { return keyIdempotency + user + "/" + mark }
