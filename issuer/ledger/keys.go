package ledger

import "encoding/binary"

// Keys of the ledger in the store. Ids are UUIDs as text and names are normalized: neither
// contains a slash. Numbers are eight bytes, big-endian, so that keys sort numerically. projects, tokens and followers list their keys in a keys.go of their own.
//
//	issuer/identity                  identity
//	issuer/revision                  chain value of the last change set, which begins with its number
//	issuer/layout                    number of the arrangement of the records
//	issuer/log/<revision>            Entry
//	issuer/mark/<block>              what is kept of the chain values of entries that are gone; see marker
//	issuer/user/<user>               User
const (
	keyIdentity    = "issuer/identity"
	keyRevision    = "issuer/revision"
	keyLayout      = "issuer/layout"
	keyLog         = "issuer/log/"
	keyMark        = "issuer/mark/"
	keyUser        = "issuer/user/"
	KeyProjectHead = "issuer/head/" // package projects keeps a record with the Name of each project here
)

func logKey(rev uint64) []byte { return binary.BigEndian.AppendUint64([]byte(keyLog), rev) }
func markKey(rev uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(keyMark), rev/markBlock)
}

// UserKey is the key of what ReadUser reads, for kv.Ahead.
func UserKey(id string) string { return keyUser + id }
