package issuer

import (
	"encoding/binary"
	"encoding/hex"
)

// Keys of this room in the store. Ids are UUIDs in text, names are normalized:
// neither has a slash in it. Numbers are eight bytes, big-endian, so that keys
// sort as they count.
//
//	issuer/identity                  identity
//	issuer/revision                  chain value of the last change set, which begins with its number
//	issuer/layout                    number of the arrangement of the records
//	issuer/log/<revision>            logEntry
//	issuer/mark/<block>              what is kept of the chain values of entries that are gone; see marker
//	issuer/user/<user>               userRecord
//	issuer/project/<project>         projectRecord
//	issuer/head/<project>            headRecord: what lists show
//	issuer/name/<normalized name>    id of the project that has the name
//	issuer/held/<normalized name>    HeldName: of a deleted project
//	issuer/heldby/<user>             heldBy: what the user's deletions hold back
//	issuer/ending/<project>          endingRecord: deleted, and named by tokens still
//	issuer/revoking/<user>           revokingRecord: some tokens of the user are to be revoked still
//	issuer/role/<user>/<project>     role, an index of the projects' members
//	issuer/invite/<id>               inviteRecord
//	issuer/inviteof/<project>/<id>   "", an index
//	issuer/invitefor/<who>/<id>      "", an index; who is a user's id or the SHA-256 of an address
//	issuer/invitesecret/<SHA-256>    id of the invitation whose link has the secret
//	issuer/invitetally/<who>         inviteTally
//	issuer/token/<token>             tokenRecord: what lists and pages show
//	issuer/chain/<token>             chainRecord: what verifiers need besides
//	issuer/use/<token>               Use: the last
//	issuer/used/<project>/<token>    Use: the last that was for the project
//	issuer/count/<day>/<project>/<token>
//	                                 uses for the project on the day, whose number is four
//	                                 bytes; without a token, those of all others
//	issuer/into/<project>/<user>/<revision>
//	                                 end and id of the unrevoked token minted at the revision,
//	                                 which names the project; below intoAll, is for all projects
//	issuer/due/<seconds><token>      nothing: when a token is looked at, to tell its owner something
//	issuer/dueof/<token>             dueRecord
//	issuer/indexed                   how far tokens were put into the index above; "": all
//	issuer/owned/<user>/<revision>   line of the token minted at the revision
//	issuer/label/<user>/<folded>     id of the unrevoked token that has the label
//	issuer/tally/<user>              tally
//	issuer/once/<user>/<mark>        onceRecord
//	issuer/verifier/<verifier>       verifierRecord
//	issuer/verifiername/<folded>     id of the unrevoked verifier that has the name
//	issuer/verifiersecret/<SHA-256>  id of the unrevoked verifier that has the secret
//	issuer/seen/<verifier>           seenRecord
const (
	keyIdentity     = "issuer/identity"
	keyRevision     = "issuer/revision"
	keyLayout       = "issuer/layout"
	keyLog          = "issuer/log/"
	keyUser         = "issuer/user/"
	keyProject      = "issuer/project/"
	keyHeld         = "issuer/held/"
	keyHeldBy       = "issuer/heldby/"
	keyEnding       = "issuer/ending/"
	keyRevoking     = "issuer/revoking/"
	keyCount        = "issuer/count/"
	keyOnce         = "issuer/once/"
	keyToken        = "issuer/token/"
	keyChain        = "issuer/chain/"
	keyInvite       = "issuer/invite/"
	keyInviteTally  = "issuer/invitetally/"
	keyVerifier     = "issuer/verifier/"
	keyVerifierName = "issuer/verifiername/"
	keyDue          = "issuer/due/"
	keyIndexed      = "issuer/indexed"
	keyMark         = "issuer/mark/"
)

func logKey(rev uint64) []byte { return binary.BigEndian.AppendUint64([]byte(keyLog), rev) }
func markKey(rev uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(keyMark), rev/markBlock)
}

func userKey(id string) string         { return keyUser + id }
func projectKey(id string) string      { return keyProject + id }
func headKey(id string) string         { return "issuer/head/" + id }
func nameKey(normalized string) string { return "issuer/name/" + normalized }
func heldByKey(userID string) string   { return keyHeldBy + userID }
func heldKey(normalized string) string { return keyHeld + normalized }
func endingKey(id string) string       { return keyEnding + id }

func revokingKey(user string) string { return keyRevoking + user }

func rolePrefix(user string) []byte       { return []byte("issuer/role/" + user + "/") }
func roleKey(user, project string) []byte { return append(rolePrefix(user), project...) }

func inviteKey(id string) string            { return keyInvite + id }
func inviteOfPrefix(project string) []byte  { return []byte("issuer/inviteof/" + project + "/") }
func inviteOfKey(project, id string) []byte { return append(inviteOfPrefix(project), id...) }
func inviteForPrefix(who string) []byte     { return []byte("issuer/invitefor/" + who + "/") }
func inviteForKey(who, id string) []byte    { return append(inviteForPrefix(who), id...) }
func inviteSecretKey(hash []byte) string    { return "issuer/invitesecret/" + hex.EncodeToString(hash) }
func inviteTallyKey(who string) string      { return keyInviteTally + who }

func tokenKey(id string) string { return keyToken + id }
func chainKey(id string) string { return keyChain + id }
func useKey(id string) string   { return "issuer/use/" + id }
func dueOfKey(id string) string { return "issuer/dueof/" + id }

func usedKey(project, token string) string { return "issuer/used/" + project + "/" + token }

func countPrefix(day uint32, project string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte(keyCount), day), "/"+project+"/"...)
}

func intoPrefix(project string) []byte { return []byte("issuer/into/" + project + "/") }
func intoUser(project, user string) []byte {
	return append(intoPrefix(project), user+"/"...)
}
func intoKey(project, user string, serial uint64) []byte {
	return binary.BigEndian.AppendUint64(intoUser(project, user), serial)
}

func ownedPrefix(user string) []byte { return []byte("issuer/owned/" + user + "/") }
func ownedKey(user string, serial uint64) []byte {
	return binary.BigEndian.AppendUint64(ownedPrefix(user), serial)
}

func labelKey(user, label string) string { return "issuer/label/" + user + "/" + foldLabel(label) }
func tallyKey(user string) string        { return "issuer/tally/" + user }
func onceKey(user, mark string) string   { return keyOnce + user + "/" + mark }

func verifierKey(id string) string       { return keyVerifier + id }
func verifierNameKey(name string) string { return keyVerifierName + foldLabel(name) }
func verifierSecretKey(hash []byte) string {
	return "issuer/verifiersecret/" + hex.EncodeToString(hash)
}
func seenKey(id string) string { return "issuer/seen/" + id }
