package gateway

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"time"
)

// ErrExists is in the error of a Backend if the project already has a different file with the same
// name, or with an equivalent name: see [Exists]. Files are never replaced: a client that pinned a digest
// gets those bytes or none.
var ErrExists = errors.New("gateway: the project has a file of this name with other content")

// Backend is where uploads go.
//
// It returns two kinds of errors. A [Refusal] has a status and a reason for the client: what is wrong with
// the upload, or why it can't be taken now. Any other error goes only to the log, and the client gets a 503
// that asks it to try again later.
type Backend interface {
	// Reserve makes room for one file whose bytes are about to arrive, or refuses the upload before any
	// of them is read. up holds what is known by then: the name of the file, and the fields that came
	// before it (clients may send fields in any order). Project is the form's, in normal form; as far as
	// can be told by then, the token allows it. Size and SHA256 are not known yet.
	//
	// Nobody sees the reserved file until it is committed. Several goroutines may call Reserve at once.
	Reserve(ctx context.Context, up Upload) (Staged, error)
}

// FormReader is a [Backend] that takes the text fields of the form too. For any other Backend, fields that decide
// nothing are checked and dropped as they arrive.
type FormReader interface {
	Backend

	// ReadForm is called for each upload before its first field. Several goroutines may call it at once.
	ReadForm(ctx context.Context) (Form, error)
}

// Form takes the text fields of one upload as they arrive, in their order; a list arrives as one field for each of
// its values. One goroutine uses it. Fields that decide something ([Upload] has them) arrive whole, without white space
// around them, and at most once each. Form does not get the field with a signature, which nobody reads.
type Form interface {
	// Field begins a field. Its value is everything written to the Writer until the next method call: UTF-8
	// without NUL, or the upload is refused.
	Field(name string) (io.Writer, error)

	// Discard forgets the fields. It is the last call, whether or not the upload succeeded.
	Discard()
}

// IndexServer is a [Backend] whose files installers can read too.
type IndexServer interface {
	Backend

	// Index returns a handler for the paths /simple, /simple/ and /packages/, and any others that the
	// Backend documents. Links between them are relative, so that they can be mounted below a prefix that is
	// stripped. uploadURL is the whole address for uploads, which the handler tells to clients that upload to the
	// address of the index by mistake; "" means /legacy/. log gets what can't be served; nil discards it. The caller
	// decides who may read, by wrapping the handler.
	Index(uploadURL string, log *slog.Logger) http.Handler
}

// Lister is a [Backend] that can tell what it has.
type Lister interface {
	Backend

	// Known returns the files of a project, none if there is no such project. Several goroutines may call it at once.
	Known(ctx context.Context, project string) ([]Known, error)
}

// Known is a file that a Backend has.
type Known struct {
	Name     string
	Size     int64     // bytes; 0 if it is not known
	Uploaded time.Time // zero if it is not known
}

// Staged is one file that is being uploaded. Write takes its
// bytes; ReadAt gives them back, so that the archive can be checked; then exactly one of Commit and
// Discard ends it. One goroutine uses a Staged, except that after the first 1 MiB another one may call ReadAt, for bytes that were
// written, while the first one calls Write or ReadAt. An *os.File allows that.
type Staged interface {
	io.Writer
	io.ReaderAt

	// Commit stores the file permanently under up.Project and up.Filename: after it has returned nil,
	// neither a crash nor a power cut loses the file. repeated reports that an identical file already
	// existed, which is kept. If the error is a [Refusal], for example from [Exists], nothing was stored. Any other
	// error means that the outcome is unknown: the file may or may not be there, and it is safe to repeat the upload.
	Commit(ctx context.Context, up Upload) (repeated bool, err error)

	// Discard forgets the file. After Commit it does nothing.
	Discard()
}

// Prechecked is a [Staged] that knows before Commit that an upload would be refused. The gateway asks it before it registers a
// project, so that a refused first upload takes no name.
type Prechecked interface {
	Staged

	// Check returns the error that Commit would return for facts of the upload that don't change any more, or nil. The upload
	// has all facts that Commit gets, except that its project may not exist yet.
	Check(up Upload) error
}

// Upload is one file and the checked facts about it.
type Upload struct {
	Project  string // normalized, from the grant
	Version  string // in the normal form of PEP 440
	Filename string // belongs to Project and Version; safe as a name in a folder
	Filetype string // "sdist" or "bdist_wheel"
	Size     int64  // bytes
	SHA256   string // lower-case hex, computed from the bytes

	RequiresPython string // a PEP 440 specifier, "" if the form has none
	Metadata       []byte // the METADATA of a wheel, exactly as it is in there; nil for an sdist
	Form           Form   // of a [FormReader], else nil

	TokenID, UserID string // of the token and its owner, as far as they are known
	UserName        string // of the owner; "" until the token was checked with all facts

	ClientIP  netip.Addr // zero if it is not known
	UserAgent string     // at most 200 bytes of printable ASCII
	Repeated  bool       // an identical file was there before
}
