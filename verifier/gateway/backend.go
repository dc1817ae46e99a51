package gateway

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
)

// ErrExists is in the error of a Backend if the project already has a different file of the same
// name, or of an equivalent name: see [Exists]. Files are never replaced: whoever pinned a digest gets
// those bytes or none.
var ErrExists = errors.New("gateway: the project has a file of this name with other content")

// Backend is where uploads go.
//
// Its errors are of two kinds. A [Refusal] has a status and a reason for the client: what is wrong with
// the upload, or why it can't be taken now. Any other error goes to the log alone, and the client hears 503
// and to try again later.
type Backend interface {
	// Reserve makes room for one file whose bytes are about to arrive, or refuses the upload before any
	// of them is read. up is what is known by then: the name of the file, and of the fields that clients
	// may send in any order those that came before it. Project is the form's, in normal form; the
	// token allows it as far as it can be told. Size and SHA256 are never known yet.
	//
	// What is reserved can't be seen by anybody until it is committed. Reserve may be called
	// by several goroutines at once.
	Reserve(ctx context.Context, up Upload) (Staged, error)
}

// FormReader is a [Backend] that takes the text fields of the form too. For any other Backend, fields that decide
// nothing are checked and let go as they arrive.
type FormReader interface {
	Backend

	// ReadForm is called for each upload before its first field. It may be called by several goroutines at once.
	ReadForm(ctx context.Context) (Form, error)
}

// Form takes the text fields of one upload as they arrive, in their order; a list has a field for each of its
// values. One goroutine uses it. Fields that decide something ([Upload] has them) come whole and without white space
// around them; each of those comes once at most. The field with a signature, which nobody reads, does not come.
type Form interface {
	// Field begins a field. Its value is what is written until the next call of a method: UTF-8 without
	// NUL, or the upload is refused.
	Field(name string) (io.Writer, error)

	// Discard forgets the fields. It is the last call, whatever became of the upload.
	Discard()
}

// IndexServer is a [Backend] whose files installers can read too.
type IndexServer interface {
	Backend

	// Index returns a handler of the paths /simple, /simple/ and /packages/, and whatever else the
	// Backend says; links between them are relative, so that they can be mounted below a prefix that is
	// stripped. uploadURL is the whole address that uploads go to, to name it to clients that were given the
	// address of the index; "" is /legacy/. log takes what can't be served; nil discards. Who may read is the caller's
	// to decide, by wrapping the handler.
	Index(uploadURL string, log *slog.Logger) http.Handler
}

// Staged is one file on its way in, used by one goroutine. Write takes its
// bytes; ReadAt gives them back, so that the archive can be checked; then exactly one of Commit and
// Discard ends it.
type Staged interface {
	io.Writer
	io.ReaderAt

	// Commit stores the file permanently under up.Project and up.Filename: when it returns nil,
	// neither a crash nor a power cut loses it. repeated reports that an identical file already
	// existed, which is kept. An error is a [Refusal], as of [Exists], after which nothing new is there, or says that
	// the outcome is unknown: the file may or may not be there, and it is safe to repeat the upload.
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

	RequiresPython string // a PEP 440 specifier, "" if the form has none
	Form           Form   // of a [FormReader], else nil

	ClientIP  netip.Addr // zero if it is not known
	UserAgent string     // at most 200 bytes of printable ASCII
	Repeated  bool       // an identical file was there before
}
