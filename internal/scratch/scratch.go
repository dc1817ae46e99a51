// Package scratch is memory that a verifier lends to a store of this module for one lookup,
// so that a check allocates less. It is internal: a Store of somebody else's has
// Lookup alone, and works as well.
package scratch

// Memory is used again with each lookup. The caveats of the record that a lookup fills in
// are in it, good until the next. It serves one goroutine at a time.
type Memory struct {
	Content []byte   // where the token's record is opened
	List    [][]byte // of caveats
}
