package publishers

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Keys of publishers in the store, in the notation that package ledger uses for its keys.
//
//	issuer/publisher/<publisher>           record
//	issuer/publisherof/<project>/<publisher>
//	                                       "", an index
//	issuer/publisherby/<user>/<publisher>  "", an index of a user's pending publishers
//	issuer/publisherat/<SHA-256>/<publisher>
//	                                       "", an index of what tokens are recognized by: see lookup
//	issuer/publisheriss/<SHA-256>/<publisher>
//	                                       URL of the issuer
//	issuer/publisherrun/<publisher>/<token>
//	                                       Unix seconds: when the job's token expires
//	issuer/publisheruploads/<project>      uploads
//	issuer/publisherno/<publisher>         refusals
//	issuer/publisherbeside/<project>/<token>
//	                                       "": the token's owner was told that it uploaded beside a publisher
//	issuer/cisystem/<name>                 issuerRecord of an issuer that an administrator added
//	issuer/idtoken/<mark>                  "": the ID token was used
//	issuer/idtokenend/<seconds><mark>      "": when the mark is of no use any more
const (
	keyPublisher = "issuer/publisher/"
	keyIssuers   = "issuer/publisheriss/"
	keyMarkEnd   = "issuer/idtokenend/"
	keyRuns      = "issuer/publisherrun/"
	keyAdded     = "issuer/cisystem/"
)

func publisherKey(id string) string    { return keyPublisher + id }
func ofPrefix(project string) []byte   { return []byte("issuer/publisherof/" + project + "/") }
func ofKey(project, id string) []byte  { return append(ofPrefix(project), id...) }
func byPrefix(user string) []byte      { return []byte("issuer/publisherby/" + user + "/") }
func byKey(user, id string) []byte     { return append(byPrefix(user), id...) }
func refusalKey(id string) string      { return "issuer/publisherno/" + id }
func addedKey(name string) string      { return keyAdded + name }
func uploadsKey(project string) string { return "issuer/publisheruploads/" + project }
func besideKey(project, token string) string {
	return "issuer/publisherbeside/" + project + "/" + token
}
func runsPrefix(id string) []byte    { return []byte(keyRuns + id + "/") }
func runKey(id, token string) []byte { return append(runsPrefix(id), token...) }
func atPrefix(l lookup) []byte {
	return []byte("issuer/publisherat/" + hashed(l.issuer, l.kind, l.value) + "/")
}
func issuerPrefix(url string) []byte { return []byte(keyIssuers + hashed(url) + "/") }
func markKey(mark [sha256.Size]byte) []byte {
	return append([]byte("issuer/idtoken/"), hex.EncodeToString(mark[:])...)
}
func markEndKey(seconds int64, mark []byte) []byte {
	return append(binary.BigEndian.AppendUint64([]byte(keyMarkEnd), uint64(seconds)), mark...)
}

// hashed makes a part of a key of texts that may be long and hold anything.
func hashed(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil))
}
