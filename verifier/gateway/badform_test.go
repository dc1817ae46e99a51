package gateway_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/verifier/gateway"
)

func TestBadForms(t *testing.T) {
	x := newIndex(t, func(c *gateway.Config) { c.MaxFile = 1 << 20 })
	big := strings.Repeat("x", 10<<20)
	content := func(disposition string) []item {
		items := demo()
		items[len(items)-1].Disposition = disposition
		return items
	}
	many := demo()
	for range 80_000 {
		many = append(many, field("x", ""))
	}
	heavy := demo()
	for range 40 {
		heavy = append([]item{field("license", big[:250<<10])}, heavy...)
	}
	for _, c := range []struct {
		name   string
		form   []item
		status string
	}{
		{"no :action", without(demo(), ":action"), "400 The field ':action' is missing from the form."},
		{"no name", without(demo(), "name"), "400 The field 'name' is missing from the form."},
		{"no version", without(demo(), "version"), "400 The field 'version' is missing from the form."},
		{"no filetype", without(demo(), "filetype"), "400 The field 'filetype' is missing from the form."},
		{"no digest", without(without(demo(), "sha256_digest"), "md5_digest"), "400 A digest of the file is missing from the form: 'sha256_digest', 'blake2_256_digest' or 'md5_digest'."},
		{"empty digests", with(with(demo(), "sha256_digest", ""), "md5_digest", ""), "400 A digest of the file is missing"},
		{"no file", without(demo(), "content"), "400 The field 'content' is missing from the form."},
		{"no fields", nil, "400 "},

		{"another action", with(demo(), ":action", "create"), "400 The field ':action' is 'create'"},
		{"registration", with(demo(), ":action", "submit"), "410 The action 'submit' is no longer supported. Projects and releases need no registration: upload"},
		{"documentation", with(demo(), ":action", "doc_upload"), "410 The action 'doc_upload' is no longer supported. Documentation is not hosted here"},
		{"empty action", with(demo(), ":action", ""), "400 The field ':action' is ''"},
		{"another protocol", with(demo(), "protocol_version", "2"), "400 The field 'protocol_version' is '2'"},
		{"name with a slash", with(demo(), "name", "de/mo"), "400 The field 'name' is 'de/mo', which is not a project name"},
		{"name with a line end", with(demo(), "name", "demo\r\nX: y"), "400 The field 'name' is 'demo  X: y', which is not a project name"},
		{"name of 9 kB", with(demo(), "name", big[:9000]), "413 The field 'name' is larger than 4 KiB."},
		{"name in another alphabet", with(demo(), "name", "dеmo"), "400 The field 'name' is"},
		{"version of letters", with(demo(), "version", "one"), "400 The field 'version' is 'one', which is not a PEP 440 version"},
		{"a wheel's type", with(demo(), "filetype", "bdist_wheel"), "400 The file 'demo-1.0.tar.gz' does not match the filetype"},
		{"an egg", with(demo(), "filetype", "bdist_egg"), "400 The field 'filetype' is 'bdist_egg'"},
		{"digest of 63 digits", with(demo(), "sha256_digest", big[:63]), "400 The field 'sha256_digest' must have 64 hexadecimal digits."},
		{"digest of letters", with(demo(), "sha256_digest", big[:64]), "400 The field 'sha256_digest' must have 64 hexadecimal digits."},
		{"another digest", with(demo(), "sha256_digest", digest("x")), "400 The file's SHA-256 is "},
		{"another BLAKE2 digest", with(demo(), "blake2_256_digest", digest("x")), "400 The file's BLAKE2b-256 is "},
		{"BLAKE2 of 10 digits", with(demo(), "blake2_256_digest", "0123456789"), "400 The field 'blake2_256_digest' must have 64 hexadecimal digits."},
		{"another MD5 digest", with(demo(), "md5_digest", strings.Repeat("0", 32)), "400 The file's MD5 is "},
		{"requires_python of one number", with(demo(), "requires_python", "~=3"), "400 The field 'requires_python' is '~=3', which is not a PEP 440 version specifier: '~=3' needs a version of two numbers or more"},
		{"requires_python with a local version", with(demo(), "requires_python", ">=3.8+local"), "400 The field 'requires_python' is '>=3.8+local', which is not a PEP 440 version specifier: '>=3.8+local' has a local version"},
		{"requires_python of old times", with(demo(), "requires_python", ">=3.5.*"), "400 The field 'requires_python' is '>=3.5.*', which is not a PEP 440 version specifier: '>=3.5.*' has '.*'"},
		{"200 kB of zeros", with(demo(), "version", "1."+strings.Repeat("0", 200_000)), "413 The field 'version' is larger than 4 KiB."},
		{"101 characters of version", with(demo(), "version", "1."+strings.Repeat("0", 99)), "400 The field 'version' has 101 characters: use at most 100."},
		{"requires_python of markup", with(demo(), "requires_python", `">=3"<b>`), "400 The field 'requires_python' is"},

		{"10 MB of description", with(demo(), "description", big), "413 The field 'description' is larger than 4 MiB."},
		{"10 MB of name", with(demo(), "name", big), "413 The field 'name' is larger than 4 KiB."},
		{"10 MB of an unknown field", with(demo(), "whatever", big), "413 The field 'whatever' is larger than 256 KiB."},
		{"10 MB in all", heavy, "413 The text fields of the form are larger than 8 MiB in total."},
		{"10 MB of signature", append(demo(), item{Name: "gpg_signature", Value: big, Disposition: `form-data; name="gpg_signature"; filename="a"`}), "413 The field 'gpg_signature'"},
		{"80,000 fields", many, "413 The text fields of the form are larger than 8 MiB in total."},
		{"a name of a field of 200 bytes", append(demo(), field(big[:200], "")), "400 A field of the form has a name longer than 100 bytes."},
		{"not UTF-8", with(demo(), "summary", "caf\xe9"), "400 The field 'summary' is not UTF-8 text."},
		{"a zero byte", with(demo(), "summary", "a\x00b"), "400 The field 'summary' is not UTF-8 text."},

		{"two names", append([]item{field("name", "demo")}, demo()...), "400 The form contains the field 'name' twice."},
		{"two versions", append(demo(), field("version", "1.0")), "400 The form contains the field 'version' twice."},
		{"two actions", append(demo(), field(":action", "file_upload")), "400 The form contains the field ':action' twice."},
		{"two digests", append(demo(), field("sha256_digest", digest("x"))), "400 The form contains the field 'sha256_digest' twice."},
		{"two filetypes", append(demo(), field("filetype", "sdist")), "400 The form contains the field 'filetype' twice."},
		{"two files", append(demo(), file("demo-1.0.tar.gz", pack("demo-1.0.tar.gz", "one"))), "400 The form contains the field 'content' twice."},

		{"file as text", content(`form-data; name="content"`), "400 The field 'content' is text, but should be a file."},
		{"name as file", append([]item{{Name: "name", Value: "demo", Disposition: `form-data; name="name"; filename="x"`}}, without(demo(), "name")...), "400 The field 'name' is a file, but should be text."},
		{"empty file", upload("demo", "1.0", "demo-1.0.tar.gz", ""), "400 The file 'demo-1.0.tar.gz' is empty."},
		{"text in a .tar.gz", upload("demo", "1.0", "demo-1.0.tar.gz", "hello"), "400 The file 'demo-1.0.tar.gz' is not what its name says"},
		{"two bytes of gzip", upload("demo", "1.0", "demo-1.0.tar.gz", "\x1f\x8b"), "400 The file 'demo-1.0.tar.gz' is not what its name says"},
		{"gzip in a wheel", upload("demo", "1.0", "demo-1.0-py3-none-any.whl", gz("x")), "400 The file 'demo-1.0-py3-none-any.whl' is not what"},
		{"another version's file", upload("demo", "1.0", "demo-1.1.tar.gz", pack("demo-1.1.tar.gz", "x")), "400 The file 'demo-1.1.tar.gz' does not match the version '1.0'."},
		{"another project's file", upload("demo", "1.0", "demo-extra-1.0.tar.gz", pack("demo-extra-1.0.tar.gz", "x")), "400 The file 'demo-extra-1.0.tar.gz' does not belong to project 'demo'"},
		{"another ending", upload("demo", "1.0", "demo-1.0.exe", pack("demo-1.0.exe", "x")), "400 The file name 'demo-1.0.exe' must end in"},
		{"a wheel without tags", upload("demo", "1.0", "demo-1.0.whl", pack("demo-1.0.whl", "b")), "400 The file 'demo-1.0.whl' does not belong to project 'demo': its name should have the form name-version-python"},
		{"a file of 2 MB", upload("demo", "1.0", "demo-1.0.tar.gz", gz("")+big[:2<<20]), "413 The file is larger than 1048576 bytes"},
		{"a file of 20 MB", upload("demo", "1.0", "demo-1.0.tar.gz", gz("")+big+big), "413 The file is larger than 1048576 bytes"},

		{"encoded file name", content(`form-data; name="content"; filename*=utf-8''demo-1.0.tar.gz`), "400 The file name is not plain ASCII."},
		{"two file names", content(`form-data; name="content"; filename="demo-1.0.tar.gz"; filename="x"`), "400 A part of the form has a Content-Disposition that can't be read."},
		{"attachment", content(`attachment; name="content"; filename="demo-1.0.tar.gz"`), "400 A part of the form has a Content-Disposition that can't be read."},
		{"no field name", content(`form-data; filename="demo-1.0.tar.gz"`), "400 A part of the form has a Content-Disposition that can't be read."},
		{"no disposition", content(` `), "400 A part of the form has a Content-Disposition that can't be read."},
		{"a header of 100 kB", content(`form-data; name="content"; filename="` + big[:100<<10] + `"`), "413 A part of the form is larger than it may be."},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := x.Post(x.Text, c.form)
			if !strings.HasPrefix(status, c.status) || len(body) < 10 {
				t.Errorf("%s\n%s\nwant %s", status, body, c.status)
			}
		})
	}
	if len(x.Stored())+len(x.Staged())+len(x.Uploads) != 0 {
		t.Errorf("refused, and yet: %v, %v, %v", x.Stored(), x.Staged(), x.Uploads)
	}
}

// Names of files that want out of the folder, or into a place that is not theirs.
func TestFileNamesThatAreNone(t *testing.T) {
	x := newIndex(t, nil)
	for _, name := range []string{
		"../demo-1.0.tar.gz", "../../demo-1.0.tar.gz", "../../../etc/demo-1.0.tar.gz", "/etc/demo-1.0.tar.gz",
		"./demo-1.0.tar.gz", "other/demo-1.0.tar.gz", "demo/../demo-1.0.tar.gz", `..\\demo-1.0.tar.gz`,
		`C:\\demo-1.0.tar.gz`, `other\\demo-1.0.tar.gz`, "..%2fdemo-1.0.tar.gz", "..%252fdemo-1.0.tar.gz",
		"..%c0%afdemo-1.0.tar.gz", "demo-1.0.tar.gz/", "demo-1.0.tar.gz/.", "demo-1.0.tar.gz\x00.whl",
		"..\u2215demo-1.0.tar.gz", "\uff0e\uff0e/demo-1.0.tar.gz", ".demo-1.0.tar.gz", ".meta/demo-1.0.tar.gz.json",
		".staging/demo-1.0.tar.gz", "-demo-1.0.tar.gz", "~/demo-1.0.tar.gz", "$HOME/demo-1.0.tar.gz", "demo-1.0.tar.gz ",
		" demo-1.0.tar.gz", "demo-1.0.tar.gz\t", "demo-1.0.tar.gz:stream", "//host/demo-1.0.tar.gz", "file:demo-1.0.tar.gz",
		"demo-1.0.tar.gz\n", "demo-1.0.TAR.GZ", "DEMO-1.0.tar.gz.", "..", ".", "", "demo-" + strings.Repeat("1", 260) + ".tar.gz",
	} {
		for _, first := range []bool{false, true} { // with the name of the project known, and not
			form := demo()
			form[len(form)-1] = file(name, gz("one"))
			if first {
				form = append([]item{form[len(form)-1]}, form[:len(form)-1]...)
			}
			if status, _ := x.Post(x.Text, form); !strings.HasPrefix(status, "400 ") {
				t.Errorf("%q: %s", name, status)
			}
		}
	}
	if len(x.Stored())+len(x.Staged()) != 0 {
		t.Errorf("%v, %v", x.Stored(), x.Staged())
	}
}

func TestBadBodies(t *testing.T) {
	x := newIndex(t, nil)
	raw, contentType := encode(demo())
	boundary := contentType[strings.Index(contentType, "boundary=")+9:]
	encoded := bytes.Replace(raw, []byte(`filename="demo-1.0.tar.gz"`), []byte("filename=\"demo-1.0.tar.gz\"\r\nContent-Transfer-Encoding: base64"), 1)
	twice := bytes.Replace(raw, []byte(`filename="demo-1.0.tar.gz"`), []byte("filename=\"demo-1.0.tar.gz\"\r\nContent-Disposition: form-data; name=x"), 1)
	for _, c := range []struct {
		name, contentType string
		body              []byte
		status            string
	}{
		{"JSON", "application/json", []byte(`{"name":"demo"}`), "415 "},
		{"no type", "", raw, "415 "},
		{"a simple form", "application/x-www-form-urlencoded", []byte("name=demo"), "415 "},
		{"a registration in a simple form", "application/x-www-form-urlencoded", []byte("name=demo&description=" + strings.Repeat("x", 1<<20) + "&%3Aaction=submit&version=1"), "410 The action 'submit' is no longer supported."},
		{"no field, but text in one", "application/x-www-form-urlencoded", []byte("name=" + strings.Repeat("x", 4091) + ":action=submit"), "415 "},
		{"multipart/mixed", "multipart/mixed; boundary=" + boundary, raw, "415 "},
		{"no boundary", "multipart/form-data", raw, "400 The form's Content-Type has no usable boundary."},
		{"long boundary", "multipart/form-data; boundary=" + strings.Repeat("x", 71), raw, "400 The form's Content-Type has no usable boundary."},
		{"wrong boundary", "multipart/form-data; boundary=x", raw, "400 The upload is incomplete: the form ends early."},
		{"empty body", contentType, nil, "400 The upload is incomplete: the form ends early."},
		{"cut in the header", contentType, raw[:len(boundary)+30], "400 The upload is incomplete: the form ends early."},
		{"cut in a header behind the file", contentType, append(raw[:len(raw)-4:len(raw)-4], "\r\nContent-Dispo"...), "400 The upload is incomplete: the form ends early."},
		{"words behind the end", contentType, append(raw[:len(raw):len(raw)], "and more"...), "400 The upload is incomplete: the form ends early."},
		{"cut in the file", contentType, raw[:len(raw)-len(boundary)-20], "400 The upload is incomplete: the form ends early."},
		{"cut before the end", contentType, raw[:len(raw)-4], "400 The upload is incomplete: the form ends early."},
		{"more behind the end", contentType, append(raw[:len(raw):len(raw)], make([]byte, 1<<20)...), "413 A part of the form is larger than it may be."},
		{"much in front", contentType, append(make([]byte, 1<<20), raw...), "400 The form can't be read as multipart/form-data."},
		{"base64", contentType, encoded, "400 A part of the form has a Content-Transfer-Encoding"},
		{"two dispositions", contentType, twice, "400 A part of the form has no Content-Disposition, or more than one."},
		{"random bytes", contentType, bytes.Repeat([]byte("\r\n--"+boundary+"\r\n"), 5000), "400 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _ := x.Send("Bearer "+x.Text, c.contentType, bytes.NewReader(c.body))
			if !strings.HasPrefix(status, c.status) {
				t.Errorf("%s\nwant %s", status, c.status)
			}
		})
	}
	if len(x.Stored())+len(x.Staged()) != 0 {
		t.Errorf("%v, %v", x.Stored(), x.Staged())
	}
}

// dial sends the head of an upload by hand, with a length that is longer than
// what follows.
func (x *testIndex) dial(body []byte, contentType string, length int) *textproto.Reader {
	x.T.Helper()
	conn, err := net.Dial("tcp", x.Listener.Addr().String())
	if err != nil {
		x.T.Fatal(err)
	}
	x.T.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "POST /legacy/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		x.Text, contentType, length)
	_, _ = conn.Write(body)
	if length == len(body)+1 { // the client dies
		_ = conn.(*net.TCPConn).CloseWrite()
	}
	return textproto.NewReader(bufio.NewReader(conn))
}

func TestConnectionLost(t *testing.T) {
	x := newIndex(t, func(c *gateway.Config) { c.Idle = 50 * time.Millisecond; c.Refuser.IdleTime = 50 * time.Millisecond })
	raw, contentType := encode(demo())
	for name, c := range map[string]struct {
		length int
		status string
	}{
		"client dies":   {len(raw[:len(raw)-100]) + 1, "HTTP/1.1 400 The upload is incomplete: the form ends early."},
		"client stalls": {len(raw), "HTTP/1.1 408 The upload stalled"},
		"far too long":  {4 << 30, "HTTP/1.1 413 The file is larger than"},
	} {
		line, err := x.dial(raw[:len(raw)-100], contentType, c.length).ReadLine()
		if err != nil || !strings.HasPrefix(line, c.status) {
			t.Errorf("%s: %q, %v", name, line, err)
		}
	}
	if len(x.Stored())+len(x.Staged()) != 0 {
		t.Errorf("%v, %v", x.Stored(), x.Staged())
	}
}

// A file of 200 MB passes through without being held: all that client, server
// and test together allocate is a fraction of it.
func TestMemory(t *testing.T) {
	const size = 200 << 20
	x := newIndex(t, nil)
	r, w := io.Pipe()
	form := multipart.NewWriter(w)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	go func() {
		for _, it := range without(demo(), "content") {
			if it.Name == "sha256_digest" || it.Name == "md5_digest" {
				continue
			}
			_ = form.WriteField(it.Name, it.Value)
		}
		part, _ := form.CreateFormFile("content", "demo-1.0.tar.gz")
		_, _ = io.WriteString(part, "\x1f\x8b\x08")
		buf := make([]byte, 64<<10)
		for range size / len(buf) {
			_, _ = part.Write(buf)
		}
		_ = form.WriteField("sha256_digest", strings.Repeat("0", 64))
		form.Close()
		w.Close()
	}()
	status, _ := x.Send("Bearer "+x.Text, form.FormDataContentType(), r)
	runtime.ReadMemStats(&after)
	if !strings.HasPrefix(status, "400 The file's SHA-256 is ") { // it was read to the end
		t.Fatal(status)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("%d bytes were allocated for a file of %d", used, size)
	}
}

func TestTooManyBytesForTheServer(t *testing.T) {
	x := newIndex(t, nil)
	limited := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 500)
		x.Gate.ServeHTTP(w, r)
	})
	x.Config.Handler = limited
	if status, _ := x.Post(x.Text, demo()); !strings.HasPrefix(status, "413 ") {
		t.Error(status)
	}
}
