// Package scratch is memory that a verifier lends to a store of this module for one lookup,
// so that a check allocates less. It is internal: a Store of somebody else's has
// Lookup alone, and works as well.
package scratch

// Memory is used again with each lookup. The caveats of the record that a lookup fills in
// are in it, good until the next. It serves one goroutine at a time.
type Memory struct {
	Content []byte   // where the token's record is opened
	List    [][]byte // of caveats

	// Span is when the record's caveats hold, where nothing but the time is asked by them: they are
	// for the record's owner and the project of the lookup, and there are no restrictions. Where
	// it is empty they have to be read.
	Span Span
}

// Span is a span of time in Unix seconds, without its end.
type Span struct{ Begin, End int64 }

// Empty tells whether no time is in the span.
func (s Span) Empty() bool { return s.Begin >= s.End }

// Has tells whether a time is in the span.
func (s Span) Has(seconds int64) bool { return s.Begin <= seconds && seconds < s.End }
