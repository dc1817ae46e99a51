package followers

import (
	"encoding/hex"

	"github.com/rind-dev/rind/issuer/ledger"
)

// Keys of followers in the store, in the format that the keys of the ledger describe.
//
//	issuer/verifier/<verifier>       verifierRecord
//	issuer/verifiername/<folded>     id of the unrevoked verifier that has the name
//	issuer/verifiersecret/<SHA-256>  id of the unrevoked verifier that has the secret
//	issuer/seen/<verifier>           seenRecord
const (
	keyVerifier     = "issuer/verifier/"
	keyVerifierName = "issuer/verifiername/"
)

func verifierKey(id string) string       { return keyVerifier + id }
func verifierNameKey(name string) string { return keyVerifierName + ledger.Fold(name) }
func verifierSecretKey(hash []byte) string {
	return "issuer/verifiersecret/" + hex.EncodeToString(hash)
}
func seenKey(id string) string { return "issuer/seen/" + id }
