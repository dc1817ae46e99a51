package upstream

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"os"

	"github.com/rind-dev/rind/verifier/gateway"
)

// inMemory is how many bytes of the file stay in memory, and as many of the rest of the form. Most wheels of pure Python need no file in the spool.
const inMemory = 64 << 10

// spooled holds bytes on their way to the index: in memory, or, if they are many, in a file without a name in the spool, so that nothing of them
// remains whatever happens. With only dir set it is empty.
type spooled struct {
	dir  string
	few  []byte   // all bytes, until there is a file
	file *os.File // nil: there is none
	size int64    // bytes written
}

// spoolFile opens a file without a name.
func spoolFile(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "upload-*.part")
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("upstream: %w", err)
	}
	return f, nil
}

// Write implements io.Writer.
func (s *spooled) Write(p []byte) (int, error) {
	if s.file == nil && len(s.few)+len(p) <= inMemory {
		s.few = append(s.few, p...)
		s.size += int64(len(p))
		return len(p), nil
	}
	if s.file == nil {
		err := s.spill()
		if err != nil {
			return 0, err
		}
	}
	n, err := s.file.Write(p)
	s.size += int64(n)
	return n, err
}

// spill moves what is in memory to a file.
func (s *spooled) spill() error {
	f, err := spoolFile(s.dir)
	if err != nil {
		return err
	}
	if _, err := f.Write(s.few); err != nil {
		f.Close()
		return err
	}
	s.few, s.file = nil, f
	return nil
}

// ReadAt implements io.ReaderAt.
func (s *spooled) ReadAt(p []byte, at int64) (int, error) {
	if s.file != nil {
		return s.file.ReadAt(p, at)
	}
	return bytes.NewReader(s.few).ReadAt(p, at)
}

// reader returns a reader of all bytes. It may be used after Close, because net/http goes on to read a form for a while after it was answered; it fails then
// if there is a file.
func (s *spooled) reader() io.Reader {
	if s.file != nil {
		return io.NewSectionReader(s.file, 0, s.size)
	}
	return bytes.NewReader(s.few)
}

// Close forgets the bytes.
func (s *spooled) Close() {
	if s.file != nil {
		s.file.Close()
	}
	s.few, s.file = nil, nil
}

// form is the form that the index gets, up to the bytes of the file. It is written as the fields arrive, after
// the fields that say what kind of form it is.
type form struct {
	file   *spooled      // nil after Discard
	buffer *bufio.Writer // of file
	parts  *multipart.Writer
	err    error // of the first step that failed
}

// ReadForm implements [gateway.FormReader].
func (u *Upstream) ReadForm(context.Context) (gateway.Form, error) {
	file := &spooled{dir: u.cfg.Spool}
	buffer := bufio.NewWriter(file)
	f := &form{file: file, buffer: buffer, parts: multipart.NewWriter(buffer)}
	f.err = f.parts.SetBoundary(rand.Text() + rand.Text())
	f.add(":action", "file_upload")
	f.add("protocol_version", "1")
	return f, f.err
}

func (f *form) add(name, value string) {
	if f.err == nil {
		f.err = f.parts.WriteField(name, value)
	}
}

// ours are the fields that the gateway writes itself.
var ours = map[string]bool{":action": true, "protocol_version": true, "sha256_digest": true}

// Field implements [gateway.Form].
func (f *form) Field(name string) (io.Writer, error) {
	if f.file == nil {
		return nil, os.ErrClosed
	}
	if f.err != nil || ours[name] {
		return io.Discard, f.err
	}
	var w io.Writer
	w, f.err = f.parts.CreateFormField(name)
	return w, f.err
}

// Discard implements [gateway.Form].
func (f *form) Discard() {
	if f.file != nil {
		f.file.Close()
		f.file = nil
	}
}

// body is the whole form with the file in it; it can be read several times.
type body struct {
	fields, content *spooled
	closing         []byte
	kind            string // its Content-Type
}

// end writes the rest of the form that comes before the bytes of the file.
func (f *form) end(up gateway.Upload, content *spooled) (*body, error) {
	if f.file == nil {
		return nil, os.ErrClosed
	}
	f.add("sha256_digest", up.SHA256)
	if f.err == nil {
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", multipart.FileContentDisposition("content", up.Filename))
		h.Set("Content-Type", "application/octet-stream")
		_, f.err = f.parts.CreatePart(h)
	}
	if f.err == nil {
		f.err = f.buffer.Flush()
	}
	if f.err != nil {
		return nil, f.err
	}
	return &body{
		fields: f.file, content: content,
		closing: []byte("\r\n--" + f.parts.Boundary() + "--\r\n"), kind: f.parts.FormDataContentType(),
	}, nil
}

func (b *body) length() int64 { return b.fields.size + b.content.size + int64(len(b.closing)) }

func (b *body) read() io.Reader {
	return io.MultiReader(b.fields.reader(), b.content.reader(), bytes.NewReader(b.closing))
}

// staged is a file that is being uploaded.
type staged struct {
	u    *Upstream
	file *spooled // nil once it was committed or discarded
}

// Write implements io.Writer.
func (s *staged) Write(p []byte) (int, error) {
	if s.file == nil {
		return 0, os.ErrClosed
	}
	return s.file.Write(p)
}

// ReadAt implements io.ReaderAt.
func (s *staged) ReadAt(p []byte, at int64) (int, error) {
	if s.file == nil {
		return 0, os.ErrClosed
	}
	return s.file.ReadAt(p, at)
}

// Discard implements [gateway.Staged].
func (s *staged) Discard() {
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}

// Commit implements [gateway.Staged]: it sends the file. It goes on if the client hangs up, because some indexes keep
// the part of a file that they have received.
func (s *staged) Commit(ctx context.Context, up gateway.Upload) (repeated bool, err error) {
	defer s.Discard()
	f, ok := up.Form.(*form)
	if !ok || s.file == nil {
		return false, errors.New("upstream: there is no form, or the file was committed or discarded before")
	}
	b, err := f.end(up, s.file)
	if err != nil {
		return false, fmt.Errorf("upstream: %w", err)
	}
	return s.u.pass(context.WithoutCancel(ctx), up, b)
}
