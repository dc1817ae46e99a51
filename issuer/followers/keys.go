package followers

import (
	"encoding/hex"
	"fmt"

	"github.com/rind-dev/rind/issuer/ledger"
)

// Keys of followers in the store, in the format that the keys of the ledger describe.
//
//	issuer/verifier/<verifier>       verifierRecord
//	issuer/verifiername/<folded>     id of the unrevoked verifier that has the name
//	issuer/verifiersecret/<SHA-256>  id of the unrevoked verifier that has the secret
//	issuer/seen/<verifier>           seenRecord
//	issuer/admission                 number, raised when a verifier is revoked or opens a stream: 8 bytes, big-endian
//	issuer/stream/<verifier>         id of the verifier's last stream
//	issuer/process/<process>         processRecord of a process that runs, or did
//	issuer/heard/<process>/<page>    what it knows of verifiers: a list of claimRecord
const (
	keyVerifier     = "issuer/verifier/"
	keyVerifierName = "issuer/verifiername/"
	keyAdmission    = "issuer/admission"
	keyProcess      = "issuer/process/"
)

func verifierKey(id string) string       { return keyVerifier + id }
func verifierNameKey(name string) string { return keyVerifierName + ledger.Fold(name) }
func verifierSecretKey(hash []byte) string {
	return "issuer/verifiersecret/" + hex.EncodeToString(hash)
}
func seenKey(id string) string          { return "issuer/seen/" + id }
func streamKey(verifier string) string  { return "issuer/stream/" + verifier }
func processKey(process string) string  { return keyProcess + process }
func heardPrefix(process string) string { return "issuer/heard/" + process + "/" }
func heardKey(process string, page int) string {
	return fmt.Sprintf("%s%04d", heardPrefix(process), page)
}
