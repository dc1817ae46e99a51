package gateway

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/rind-dev/rind/internal/corpus"
)

func TestCorpora(t *testing.T) { corpus.Check(t, 8) }

// field is a part of a form as a test sees it.
type field struct {
	name, filename, value string
	isFile                bool
}

// readWhole reads a form to its end, or to what is refused about it.
func readWhole(contentType string, src io.Reader, keep bool) (fields []field, read int64, err error) {
	r := httptest.NewRequest("POST", "/legacy/", nil)
	r.Header = http.Header{"Content-Type": {contentType}}
	body := &meter{src: src}
	f, err := openForm(r, body)
	if err != nil {
		return nil, body.total, err
	}
	for {
		p, err := f.next()
		if err == io.EOF {
			return fields, body.total, nil
		} else if err != nil {
			return fields, body.total, err
		}
		out := field{name: p.name, filename: p.filename, isFile: p.isFile}
		if p.isFile {
			f.body.left = maxText + readAhead
			before := f.body.total
			value, err := io.ReadAll(p)
			f.files += f.body.total - before
			if err != nil {
				return fields, body.total, f.broken(err)
			}
			out.value = string(value)
		} else {
			var value strings.Builder
			err := f.readText(p, &value)
			if err != nil {
				return fields, body.total, err
			}
			if keep {
				out.value = value.String()
			}
		}
		fields = append(fields, out)
	}
}

// FuzzForm reads bytes as a form. Whatever they are, the answer is the form or a
// refusal with a sentence, which of the two does not depend on how the bytes come in, and a form that is
// accepted is what mime/multipart reads.
func FuzzForm(f *testing.F) {
	f.Fuzz(func(t *testing.T, boundary string, body []byte) {
		contentType := "multipart/form-data; boundary=" + boundary
		fields, read, err := readWhole(contentType, bytes.NewReader(body), true)
		if read > int64(len(body)) {
			t.Fatalf("%d bytes were counted of %d", read, len(body))
		}
		for how, src := range map[string]io.Reader{
			"byte by byte": iotest.OneByteReader(bytes.NewReader(body)), "with the end": iotest.DataErrReader(bytes.NewReader(body)), "half": iotest.HalfReader(bytes.NewReader(body)),
		} {
			again, _, err2 := readWhole(contentType, src, true)
			if !slices.Equal(again, fields) || (err == nil) != (err2 == nil) {
				t.Fatalf("%s: %+v, %v, not %+v, %v", how, again, err2, fields, err)
			}
		}
		dropped, _, err2 := readWhole(contentType, bytes.NewReader(body), false)
		if len(dropped) != len(fields) || (err == nil) != (err2 == nil) {
			t.Fatalf("without its values: %+v, %v", dropped, err2)
		}
		if err != nil {
			var said *Refusal
			if !errors.As(err, &said) || said.Status < 400 || said.Status >= 500 || said.Reason == "" || !utf8.ValidString(said.Reason) {
				t.Fatalf("%v is no refusal", err)
			}
			return
		}
		checkFields(t, fields)
		sameAsMultipart(t, contentType, body, fields)
	})
}

// checkFields holds what every accepted form keeps to.
func checkFields(t *testing.T, fields []field) {
	t.Helper()
	times := map[string]int{}
	for _, x := range fields {
		times[x.name]++
		switch isFile := x.name == fileField || x.name == signatureField; {
		case x.name == "" || len(x.name) > maxFieldName, x.isFile != isFile, single[x.name] && times[x.name] > 1:
			t.Fatalf("accepted: %+v, for the %d. time", x, times[x.name])
		case !isFile && (!utf8.ValidString(x.value) || strings.ContainsRune(x.value, 0)):
			t.Fatalf("%s is no text: %q", x.name, x.value)
		}
	}
}

// sameAsMultipart reads body with the standard library's reader of whole forms.
func sameAsMultipart(t *testing.T, contentType string, body []byte, fields []field) {
	t.Helper()
	r := &http.Request{Method: "POST", Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(bytes.NewReader(body))}
	m, err := r.MultipartReader()
	if err != nil {
		t.Fatalf("multipart does not read what was accepted: %v", err)
	}
	for i := 0; ; i++ {
		p, err := m.NextPart()
		if err == io.EOF && i == len(fields) {
			return
		}
		if err != nil || i == len(fields) {
			t.Fatalf("multipart stops at part %d of %d: %v", i, len(fields), err)
		}
		value, err := io.ReadAll(p)
		if want := fields[i]; err != nil || p.FormName() != want.name || string(value) != want.value {
			t.Fatalf("multipart reads part %d as %q=%q (%v), not %q=%q", i, p.FormName(), value, err, want.name, want.value)
		}
	}
}

// FuzzWellFormed writes a form with mime/multipart, of any values, and reads it back. What
// is refused is refused for its content, never for its form.
func FuzzWellFormed(f *testing.F) {
	f.Fuzz(func(t *testing.T, name, value, filename string, content []byte) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
		file, err := w.CreateFormFile(fileField, filename)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		fields, _, err := readWhole(w.FormDataContentType(), &b, true)
		plain := isPlain(name) && name != "" && isPlain(filename) && !strings.Contains(strings.ToLower(name+filename), "filename*")
		text := utf8.ValidString(value) && !strings.ContainsRune(value, 0)
		if plain && text && len(name) <= maxFieldName && len(value) <= maxFact && len(content) <= maxText && name != fileField && name != signatureField {
			want := []field{{name: name, value: value}, {name: fileField, filename: filename, value: string(content), isFile: true}}
			if err != nil || !slices.Equal(fields, want) {
				t.Fatalf("%+v, %v, want %+v", fields, err, want)
			}
		}
		if err == nil && (len(fields) != 2 || fields[0].value != value || fields[1].value != string(content)) {
			t.Fatalf("read as %+v", fields)
		}
	})
}

// isPlain reports whether s stands in a header as it is.
func isPlain(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' || c == '%' })
}

// TestAFormTakesBoundedMemory, whatever it holds and however long it goes on: what is
// read of it ends soon behind the limit.
func TestAFormTakesBoundedMemory(t *testing.T) {
	part := "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n"
	for name, c := range map[string]struct{ begin, repeat string }{
		"one endless field": {part, "x"}, "endless fields": {"", part + "x\r\n"}, "an endless header": {"--b\r\nX: ", "x"}, "endless headers": {"--b\r\n", "X: y\r\n"},
		"no boundary": {"", "x"}, "endless lines": {"", "\r\n"}, "empty parts": {"", "--b\r\n\r\n\r\n"}, "an endless end": {part + "x\r\n--b--\r\n", " "},
	} {
		src := &endless{begin: []byte(c.begin), repeat: []byte(c.repeat)}
		if _, read, err := readWhole("multipart/form-data; boundary=b", src, false); err == nil || read > maxText+4*readAhead {
			t.Errorf("%s: %v after %d bytes", name, err, read)
		}
	}
}

// endless sends begin, and repeat forever.
type endless struct {
	begin, repeat []byte
	at            int
}

func (e *endless) Read(p []byte) (n int, _ error) {
	n = copy(p, e.begin)
	e.begin = e.begin[n:]
	for ; n < len(p); n++ {
		p[n] = e.repeat[e.at]
		e.at = (e.at + 1) % len(e.repeat)
	}
	return n, nil
}
