package projects

import (
	"encoding/hex"

	"github.com/rind-dev/rind/issuer/ledger"
)

// Keys of projects in the store, in the notation that package ledger uses for its keys.
//
//	issuer/project/<project>         Record
//	issuer/head/<project>            headRecord: what lists show
//	issuer/name/<normalized name>    id of the project that has the name
//	issuer/reserved/<normalized name>    ReservedName of a deleted project
//	issuer/reservedby/<user>             reservedBy: the names that the user's deletions reserve
//	issuer/role/<user>/<project>     role; an index of the projects' members
//	issuer/invite/<id>               inviteRecord
//	issuer/inviteof/<project>/<id>   "", an index
//	issuer/invitefor/<who>/<id>      "", an index; who is a user's id or the SHA-256 of an address
//	issuer/invitesecret/<SHA-256>    id of the invitation whose link has the secret
//	issuer/invitetally/<who>         inviteTally
const (
	keyProject     = "issuer/project/"
	keyReserved    = "issuer/reserved/"
	keyReservedBy  = "issuer/reservedby/"
	keyInvite      = "issuer/invite/"
	keyInviteTally = "issuer/invitetally/"
)

func projectKey(id string) string           { return keyProject + id }
func headKey(id string) string              { return ledger.KeyProjectHead + id }
func nameKey(normalized string) string      { return "issuer/name/" + normalized }
func reservedByKey(userID string) string    { return keyReservedBy + userID }
func reservedKey(normalized string) string  { return keyReserved + normalized }
func rolePrefix(user string) []byte         { return []byte("issuer/role/" + user + "/") }
func roleKey(user, project string) []byte   { return append(rolePrefix(user), project...) }
func inviteKey(id string) string            { return keyInvite + id }
func inviteOfPrefix(project string) []byte  { return []byte("issuer/inviteof/" + project + "/") }
func inviteOfKey(project, id string) []byte { return append(inviteOfPrefix(project), id...) }
func inviteForPrefix(who string) []byte     { return []byte("issuer/invitefor/" + who + "/") }
func inviteForKey(who, id string) []byte    { return append(inviteForPrefix(who), id...) }
func inviteSecretKey(hash []byte) string    { return "issuer/invitesecret/" + hex.EncodeToString(hash) }
func inviteTallyKey(who string) string      { return keyInviteTally + who }
