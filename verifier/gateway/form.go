package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/rind-dev/rind/internal/text"
)

// The limits of an upload form apart from its file, in bytes.
const (
	maxFieldName   = 100       // of a field's name
	maxFact        = 4 << 10   // of a field that decides something
	maxDescription = 4 << 20   // the project's README, in the field description
	maxField       = 256 << 10 // any other text field
	maxText        = 8 << 20   // all text fields together, with their names and headers
	partCost       = 128       // added to the size of each field, because a field costs time
	maxPartHeader  = 16 << 10  // header of a part, with the boundary before it

	// readAhead is more than multipart.Reader reads ahead of what it is asked for.
	readAhead = 32 << 10
)

// fileField is the field that holds the file; signatureField holds a detached
// OpenPGP signature, which old clients still send and nobody reads.
const (
	fileField      = "content"
	signatureField = "gpg_signature"
)

// single are the fields that may occur only once: if one occurred twice, two readers
// of the same form could act on different values.
var single = map[string]bool{
	":action": true, "protocol_version": true, "name": true, "version": true, "filetype": true,
	"metadata_version": true, "requires_python": true, fileField: true, signatureField: true,
	"md5_digest": true, "sha256_digest": true, "blake2_256_digest": true,
}

// decides are the text fields that the gateway itself acts on.
var decides = map[string]bool{
	":action": true, "protocol_version": true, "name": true, "version": true, "filetype": true, "requires_python": true,
	"md5_digest": true, "sha256_digest": true, "blake2_256_digest": true,
}

// meter reads a request's body, up to as many bytes as the next step may use. It remembers why
// reading ended, which multipart.Reader does not always pass on: that reader treats a body
// that ends inside the header of a part like one that ends after its last part. Here, a body
// without the closing boundary is cut off.
type meter struct {
	src     io.Reader
	closing string // the closing boundary
	tail    []byte // the last bytes that were read, as many as maxTail
	left    int64  // bytes that may still be read in this step
	total   int64  // bytes that were read
	err     error  // what ended the reading, except io.EOF
}

// maxTail holds the longest closing boundary and the white space after it.
const maxTail = 70 + len("----") + 26

var errBudget = errors.New("gateway: a part of the form is larger than it may be")

// Read implements io.Reader.
func (m *meter) Read(p []byte) (int, error) {
	if m.left <= 0 {
		m.err = errBudget
		return 0, errBudget
	}
	if int64(len(p)) > m.left {
		p = p[:m.left]
	}
	n, err := m.src.Read(p)
	m.left -= int64(n)
	m.total += int64(n)
	m.remember(p[:n])
	if err == io.EOF && !strings.HasSuffix(strings.TrimRight(string(m.tail), " \t\r\n"), m.closing) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		m.err = err
	}
	return n, err
}

// remember keeps the last bytes that were read, in place.
func (m *meter) remember(p []byte) {
	p = p[max(0, len(p)-maxTail):]
	kept := m.tail[max(0, len(m.tail)+len(p)-maxTail):]
	m.tail = append(append(m.tail[:0], kept...), p...)
}

// form reads the parts of an upload form one after the other.
type form struct {
	body  *meter
	parts *multipart.Reader
	count int64           // parts so far
	files int64           // bytes of the body that belonged to files
	seen  map[string]bool // which of the single fields came
	buf   []byte
}

// part is one part of a form. Its bytes must be read before the next part.
type part struct {
	name     string
	filename string // as it was sent, no part of it stripped
	isFile   bool   // it has a file name, though that may be empty
	io.Reader
}

// openForm begins to read the body of r as multipart/form-data (RFC 7578).
func openForm(r *http.Request, body *meter) (*form, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && kind == "application/x-www-form-urlencoded" {
		if action := simpleFormAction(body); retired[action] != "" {
			return nil, actionFault(action)
		}
	}
	if err != nil || kind != "multipart/form-data" {
		return nil, &Refusal{Status: http.StatusUnsupportedMediaType,
			Reason: "An upload must be a form of the type multipart/form-data, as twine, flit, poetry and uv send it."}
	}
	boundary := params["boundary"]
	if boundary == "" || len(boundary) > 70 { // RFC 2046 §5.1.1
		return nil, refused("The form's Content-Type has no usable boundary.")
	}
	body.closing = "--" + boundary + "--"
	return &form{body: body, parts: multipart.NewReader(body, boundary), seen: map[string]bool{}}, nil
}

// simpleFormAction returns the :action of a form without a file, which is how "submit" is
// sent, or "" if the form has none or can't be read.
func simpleFormAction(body *meter) string {
	body.left = maxText
	fields := bufio.NewReader(body)
	for begins := true; ; {
		piece, err := fields.ReadSlice('&')
		name, value, _ := strings.Cut(strings.TrimSuffix(string(piece), "&"), "=")
		if name, bad := url.QueryUnescape(name); begins && bad == nil && name == ":action" {
			value, _ = url.QueryUnescape(value)
			return value
		}
		begins = err == nil
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return ""
		}
	}
}

// next returns the next part, or io.EOF after the last one.
func (f *form) next() (*part, error) {
	f.body.left = maxPartHeader + readAhead
	raw, err := f.parts.NextRawPart()
	if err == io.EOF {
		return nil, f.end()
	}
	if err != nil {
		return nil, f.broken(err)
	}
	f.count++
	if err := f.checkText(); err != nil {
		return nil, err
	}
	p, err := describe(raw)
	if err != nil {
		return nil, err
	}
	if single[p.name] && f.seen[p.name] {
		return nil, refused("The form contains the field '%s' twice.", p.name)
	}
	if single[p.name] {
		f.seen[p.name] = true
	}
	if p.isFile != (p.name == fileField || p.name == signatureField) {
		if p.isFile {
			return nil, refused("The field '%s' is a file, but should be text.", text.Clip(p.name))
		}
		return nil, refused("The field '%s' is text, but should be a file.", p.name)
	}
	return p, nil
}

// end reads what follows the form, which should be nothing, so that the
// connection can carry another request.
func (f *form) end() error {
	f.body.left = readAhead
	if _, err := io.Copy(io.Discard, f.body); err != nil {
		return f.broken(err)
	}
	return io.EOF
}

// checkText bounds the size of the form apart from its file, however many fields it has.
func (f *form) checkText() error {
	if f.body.total-f.files+f.count*partCost > maxText+readAhead {
		return tooLarge("The text fields of the form are larger than 8 MiB in total.")
	}
	return nil
}

// readText copies a text field to to, up to its end, bounded and checked. When it refuses
// a field that is not text, it may have written part of it.
func (f *form) readText(p *part, to io.Writer) error {
	limit, words := int64(maxField), "256 KiB"
	switch {
	case p.name == "description":
		limit, words = maxDescription, "4 MiB"
	case decides[p.name]:
		limit, words = maxFact, "4 KiB"
	}
	f.body.left = limit + readAhead
	if f.buf == nil {
		f.buf = make([]byte, 8<<10)
	}
	var check textCheck
	for n, err := 0, error(nil); err == nil; {
		n, err = p.Read(f.buf)
		check.add(f.buf[:n])
		if _, failed := to.Write(f.buf[:n]); failed != nil {
			return failed
		}
		switch {
		case err != nil && err != io.EOF:
			return f.broken(err)
		case check.size > limit:
			return tooLarge("The field '%s' is larger than %s.", text.Clip(p.name), words)
		}
	}
	if !check.ok() {
		return refused("The field '%s' is not UTF-8 text.", text.Clip(p.name))
	}
	return f.checkText()
}

// textCheck reports whether bytes that arrive in pieces are text: UTF-8 without NUL.
type textCheck struct {
	size int64
	bad  bool
	cut  []byte // the beginning of a character that the next piece may complete
}

func (c *textCheck) add(p []byte) {
	c.size += int64(len(p))
	if len(c.cut) > 0 && len(p) > 0 {
		p = append(c.cut, p...)
		c.cut = nil
	}
	whole := len(p)
	for i := 1; i < utf8.UTFMax && i <= len(p); i++ {
		if utf8.RuneStart(p[len(p)-i]) {
			if !utf8.FullRune(p[len(p)-i:]) {
				whole -= i
			}
			break
		}
	}
	c.bad = c.bad || !utf8.Valid(p[:whole]) || bytes.IndexByte(p[:whole], 0) >= 0
	c.cut = append([]byte(nil), p[whole:]...)
}

func (c *textCheck) ok() bool { return !c.bad && len(c.cut) == 0 }

// broken says why the body can't be read on.
func (f *form) broken(err error) error {
	if f.body.err != nil {
		err = f.body.err
	}
	var large *http.MaxBytesError
	var network net.Error
	switch {
	case errors.Is(err, errBudget), errors.As(err, &large):
		return tooLarge("A part of the form is larger than it may be.")
	case errors.As(err, &network) && network.Timeout():
		return &Refusal{Status: http.StatusRequestTimeout, Reason: "The upload stalled: too few bytes arrived for too long."}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return refused("The upload is incomplete: the form ends early.")
	default:
		return refused("The form can't be read as multipart/form-data.")
	}
}

// describe reads the header of a part. multipart's own FileName strips folders from a name;
// here the name stays as it came, so that the caller can refuse it.
func describe(raw *multipart.Part) (*part, error) {
	headers := raw.Header.Values("Content-Disposition")
	if len(headers) != 1 {
		return nil, refused("A part of the form has no Content-Disposition, or more than one.")
	}
	kind, params, err := mime.ParseMediaType(headers[0])
	if err != nil || kind != "form-data" || params["name"] == "" {
		return nil, refused("A part of the form has a Content-Disposition that can't be read.")
	}
	if strings.Contains(strings.ToLower(headers[0]), "filename*") { // RFC 7578 §4.2 forbids it
		return nil, refused("The file name is not plain ASCII.")
	}
	switch strings.ToLower(raw.Header.Get("Content-Transfer-Encoding")) {
	case "", "7bit", "8bit", "binary":
	default: // RFC 7578 §4.7 deprecates it
		return nil, refused("A part of the form has a Content-Transfer-Encoding, which is not supported.")
	}
	p := &part{name: params["name"], Reader: raw}
	if len(p.name) > maxFieldName {
		return nil, refused("A field of the form has a name longer than %d bytes.", maxFieldName)
	}
	p.filename, p.isFile = params["filename"]
	return p, nil
}
