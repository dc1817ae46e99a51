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

// spool opens a file without a name in the spool, so that nothing of it remains whatever happens.
func (u *Upstream) spool() (*os.File, error) {
	f, err := os.CreateTemp(u.cfg.Spool, "upload-*.part")
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("upstream: %w", err)
	}
	return f, nil
}

// form is the form that the index gets, up to the bytes of the file. It is written as the fields arrive, after
// the fields that say what kind of form it is.
type form struct {
	file  *os.File      // nil after Discard
	ahead *bufio.Writer // of file
	parts *multipart.Writer
	err   error // of the first step that failed
}

// ReadForm implements [gateway.FormReader].
func (u *Upstream) ReadForm(context.Context) (gateway.Form, error) {
	file, err := u.spool()
	if err != nil {
		return nil, err
	}
	ahead := bufio.NewWriter(file)
	f := &form{file: file, ahead: ahead, parts: multipart.NewWriter(ahead)}
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
	fields, content *os.File
	before, size    int64 // bytes of them
	closing         []byte
	kind            string // its Content-Type
}

// end writes the rest of the form that comes before the bytes of the file.
func (f *form) end(up gateway.Upload, content *os.File) (*body, error) {
	f.add("sha256_digest", up.SHA256)
	if f.err == nil {
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", multipart.FileContentDisposition("content", up.Filename))
		h.Set("Content-Type", "application/octet-stream")
		_, f.err = f.parts.CreatePart(h)
	}
	if f.err == nil {
		f.err = f.ahead.Flush()
	}
	if f.err != nil {
		return nil, f.err
	}
	before, err := f.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	return &body{
		fields: f.file, content: content, before: before, size: up.Size,
		closing: []byte("\r\n--" + f.parts.Boundary() + "--\r\n"), kind: f.parts.FormDataContentType(),
	}, nil
}

func (b *body) length() int64 { return b.before + b.size + int64(len(b.closing)) }

func (b *body) read() io.Reader {
	return io.MultiReader(io.NewSectionReader(b.fields, 0, b.before), io.NewSectionReader(b.content, 0, b.size), bytes.NewReader(b.closing))
}

// staged is a file that is being uploaded.
type staged struct {
	u    *Upstream
	file *os.File // nil once it was committed or discarded
}

// Write implements io.Writer.
func (s *staged) Write(p []byte) (int, error) { return s.file.Write(p) }

// ReadAt implements io.ReaderAt.
func (s *staged) ReadAt(p []byte, at int64) (int, error) { return s.file.ReadAt(p, at) }

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
