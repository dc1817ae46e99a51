package gateway

import (
	"context"
	"errors"
	"io"
	"net/netip"
)

// ErrExists is what a Backend returns if the project already has a different file of the same
// name, or of an equivalent name. Files are never replaced: whoever pinned a digest gets those
// bytes or none.
var ErrExists = errors.New("gateway: the project has a file of this name with other content")

// Backend is where uploads go.
type Backend interface {
	// Stage makes room for one file whose bytes are about to arrive. What is
	// staged can't be seen by anybody until it is committed. It may be called
	// by several goroutines at once.
	Stage(ctx context.Context) (Staged, error)
}

// FieldReader is a [Backend] that reads text fields of the form beside the facts
// of an [Upload]. Fields that it does not ask for are checked and let go as they
// arrive, so that they take no memory.
type FieldReader interface {
	Backend

	// ReadsField reports whether the values of a field are to be in
	// [Upload.Fields]. It may be called by several goroutines at once.
	ReadsField(name string) bool
}

// Staged is one file on its way in, used by one goroutine. Write takes its
// bytes; then exactly one of Commit and Discard ends it.
type Staged interface {
	io.Writer

	// Commit stores the file permanently under up.Project and up.Filename: when it returns nil,
	// neither a crash nor a power cut loses it. repeated reports that an identical file already
	// existed, which is kept. The error is ErrExists, or says that the outcome is unknown: the
	// file may or may not be there, and it is safe to repeat the upload.
	Commit(ctx context.Context, up Upload) (repeated bool, err error)

	// Discard forgets the file. After Commit it does nothing.
	Discard()
}

// Upload is one file and what was said about it, checked.
type Upload struct {
	Project  string // normalized, from the grant
	Version  string // in the normal form of PEP 440
	Filename string // belongs to Project and Version; safe as a name in a folder
	Filetype string // "sdist" or "bdist_wheel"
	Size     int64  // bytes
	SHA256   string // lower-case hex, computed from the bytes

	RequiresPython string  // a PEP 440 specifier, "" if the form has none
	Fields         []Field // the text fields that a [FieldReader] asks for, as they were sent, in order

	ClientIP  netip.Addr // zero if it is not known
	UserAgent string     // at most 200 bytes of printable ASCII
	Repeated  bool       // an identical file was there before
}

// Field is a text field of an upload form. Names repeat: one field for each
// classifier, for example.
type Field struct{ Name, Value string }
