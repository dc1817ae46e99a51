package gateway

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/dist"
	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/gateway/archive"
	"github.com/rind-dev/rind/verifier/httpauth"
)

// chunk is how many bytes of a file are in memory at once.
const chunk = 64 << 10

// intake is one upload that is being read.
type intake struct {
	g     *Gateway
	ctx   context.Context
	text  string // of the token: never in an error, never logged
	sent  int64  // bytes of the request; -1 if the client does not say it
	form  *form
	facts facts
	up    Upload
	who   verifier.Grant // says whose upload it is, according to a genuine token; zero until that is known

	staged Staged         // nil until the file began
	ahead  *archive.Ahead // nil unless the file is unpacked while it arrives
	hashes [3]hash.Hash   // by the digestFields; nil where the form had not declared that digest when the file began
}

// take reads one upload, checks it and keeps the file. On an error nobody sees
// anything new, and the Grant and the Upload hold what was known, for the log.
func (g *Gateway) take(w http.ResponseWriter, r *http.Request) (verifier.Grant, Upload, error) {
	in := &intake{g: g, ctx: r.Context(), sent: r.ContentLength}
	in.up.ClientIP = g.cfg.ClientIP(r)
	in.up.UserAgent = printable(r.UserAgent(), 200)
	defer in.end()
	grant, err := in.run(w, r)
	if err != nil && grant.TokenID == "" {
		grant = in.who
	}
	if in.up.Project == "" && in.facts.name != "" {
		in.up.Project = caveats.NormalizeProject(in.facts.name)
	}
	up := in.up
	up.Metadata, up.Form = nil, nil
	return grant, up, err
}

// end forgets what was not kept, also after a panic.
func (in *intake) end() {
	if in.ahead != nil {
		in.ahead.Stop()
	}
	if in.staged != nil {
		in.staged.Discard()
	}
	if in.up.Form != nil {
		in.up.Form.Discard()
	}
}

func (in *intake) run(w http.ResponseWriter, r *http.Request) (grant verifier.Grant, err error) {
	in.text, err = httpauth.Token(r)
	if err != nil {
		return grant, err
	}
	if err := in.checkEarly(); err != nil {
		return grant, err
	}
	who := holder{in.who.TokenID, in.who.UserID}
	if r.ContentLength > in.g.cfg.maxBody() {
		return grant, in.fileTooLarge()
	}
	free, err := in.g.slots.take(in.ctx, who)
	if err != nil {
		return grant, err
	}
	defer free()
	body := &meter{src: r.Body}
	in.form, err = openForm(r, body)
	if err != nil {
		return grant, err
	}
	if in.g.forms != nil {
		in.up.Form, err = in.g.forms.ReadForm(in.ctx)
		if err != nil {
			return grant, fmt.Errorf("%w: %w", errStore, err)
		}
	}
	if err := in.readForm(); err != nil {
		return grant, err
	}
	return in.finish()
}

// readForm reads the form to its end.
func (in *intake) readForm() error {
	for {
		p, err := in.form.next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = in.readPart(p)
		}
		if err != nil {
			return err
		}
	}
}

func (in *intake) readPart(p *part) error {
	if p.name == fileField {
		return in.readFile(p)
	}
	var value strings.Builder
	to := io.Discard
	switch {
	case decides[p.name]:
		to = &value
	case in.up.Form != nil && p.name != signatureField:
		field, err := in.up.Form.Field(p.name)
		if err != nil {
			return fmt.Errorf("%w: %w", errStore, err)
		}
		to = backendWriter{field}
	}
	if err := in.form.readText(p, to); err != nil {
		return err
	}
	if !decides[p.name] {
		return nil
	}
	return in.decide(p.name, value.String())
}

// decide takes the value of a field that decides something.
func (in *intake) decide(name, value string) error {
	err := in.facts.set(name, value)
	in.up.Version, in.up.Filetype, in.up.RequiresPython = in.facts.version, in.facts.filetype, in.facts.requiresPython
	if err != nil || in.up.Form == nil {
		return err
	}
	field, err := in.up.Form.Field(name)
	if err == nil {
		_, err = io.WriteString(field, strings.TrimSpace(value))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	return nil
}

// readFile checks everything that is known by now and streams the file into the
// backend's stage.
func (in *intake) readFile(p *part) error {
	if err := in.facts.setFilename(p.filename); err != nil {
		return err
	}
	in.up.Filename = p.filename
	if err := in.facts.fit(); err != nil {
		return err
	}
	if err := in.checkEarly(); err != nil {
		return err
	}
	staged, err := in.g.cfg.Backend.Reserve(in.ctx, in.known())
	if err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	in.staged = staged
	for i := range digestFields {
		if i == 0 || in.facts.declared[i] != "" {
			in.hashes[i] = digestFields[i].new()
		}
	}
	return in.stream(p)
}

// known returns what a Backend gets before the bytes of the file arrive.
func (in *intake) known() Upload {
	up := in.up
	if in.facts.name != "" {
		up.Project = caveats.NormalizeProject(in.facts.name)
	}
	return up
}

// stream copies the file's bytes, bounds and hashes them, and checks that they are
// of the kind that the name says.
func (in *intake) stream(p *part) error {
	begun := in.form.body.total
	defer func() { in.form.files += max(0, in.form.body.total-begun-readAhead) }()
	in.form.body.left = in.g.cfg.MaxFile + chunk + readAhead
	to := io.MultiWriter(digesters(in.hashes), backendWriter{in.staged})
	size := int64(chunk)
	if in.sent >= 0 {
		size = min(chunk, max(in.sent, 512))
	}
	buf := make([]byte, size)
	for first := true; ; first = false {
		n, err := fill(p, buf)
		ended := err == io.EOF
		if err != nil && !ended {
			return in.form.broken(err)
		}
		in.up.Size += int64(n)
		switch {
		case in.up.Size > in.g.cfg.MaxFile:
			return in.fileTooLarge()
		case first && n == 0:
			return refused("The file '%s' is empty.", text.Clip(p.filename))
		case first && !strings.HasPrefix(string(buf[:min(n, 4)]), dist.Magic(p.filename)):
			return refused("The file '%s' is not what its name says: it is not an archive of that type.",
				text.Clip(p.filename))
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return err
		}
		in.unpackAhead()
		if ended {
			return nil
		}
	}
}

// fill reads until buf is full or r ends. Unlike io.ReadFull it distinguishes the
// end of the part, io.EOF, from a body that ended within the part.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

// digesters returns a Writer that feeds the bytes of the file to the hashes that are not nil.
func digesters(hashes [3]hash.Hash) io.Writer {
	var all []io.Writer
	for _, h := range hashes {
		if h != nil {
			all = append(all, h)
		}
	}
	return io.MultiWriter(all...)
}

// finish decides with all facts and keeps the file.
func (in *intake) finish() (verifier.Grant, error) {
	f := &in.facts
	if err := f.complete(); err != nil {
		return verifier.Grant{}, err
	}
	if err := in.compareDigests(); err != nil {
		return verifier.Grant{}, err
	}
	grant, create, err := in.decideAll()
	if err != nil {
		return verifier.Grant{}, err
	}
	if dist.VersionOf(f.filename, grant.Project) == "" { // what is kept is what was granted
		return verifier.Grant{}, errors.New("gateway: the verifier granted another project than it was asked for")
	}
	in.up.Project = grant.Project
	in.up.TokenID, in.up.UserID, in.up.UserName = grant.TokenID, grant.UserID, grant.UserName
	if err := in.checkContents(holder{grant.TokenID, grant.UserID}); err != nil {
		return grant, err
	}
	if create {
		if err := in.precheck(); err != nil {
			return grant, err
		}
		grant, err = in.register()
		if err != nil {
			return grant, err
		}
	}
	in.up.Repeated, err = in.staged.Commit(in.ctx, in.up)
	in.staged = nil
	if err != nil {
		return grant, fmt.Errorf("%w: %w", errStore, err)
	}
	return grant, nil
}

// compareDigests compares each digest that the form declares with the bytes.
func (in *intake) compareDigests() error {
	if err := in.digestLate(); err != nil {
		return err
	}
	in.up.SHA256 = hex.EncodeToString(in.hashes[0].Sum(nil))
	for i, d := range digestFields {
		said := in.facts.declared[i]
		if said == "" {
			continue
		}
		if is := hex.EncodeToString(in.hashes[i].Sum(nil)); is != said {
			return refused("The file's %s is %s, but '%s' says %s: it was changed in transit.", d.words, is, d.name, said)
		}
	}
	in.facts.declared[0] = in.up.SHA256
	return nil
}

// digestLate reads the file again for digests that the form declares behind it.
func (in *intake) digestLate() error {
	var late [3]hash.Hash
	for i, said := range in.facts.declared {
		if said != "" && in.hashes[i] == nil {
			in.hashes[i] = digestFields[i].new()
			late[i] = in.hashes[i]
		}
	}
	if late == [3]hash.Hash{} {
		return nil
	}
	if _, err := io.CopyBuffer(digesters(late), io.NewSectionReader(in.staged, 0, in.up.Size), make([]byte, chunk)); err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	return in.ctx.Err()
}

// request returns what is known so far. Until the end the digest is the declared
// one, which finish compares with the bytes before it asks the verifier.
func (in *intake) request() caveats.Request {
	return caveats.Request{
		Action:   caveats.ActionUpload,
		Project:  in.facts.name,
		Version:  in.facts.version,
		Filename: in.facts.filename,
		SHA256:   in.facts.sha256(),
		ClientIP: in.up.ClientIP,
	}
}

// checkEarly asks the verifier with what is known so far, so that a token that
// can't allow this upload is refused before the bytes arrive.
func (in *intake) checkEarly() error {
	who, _, err := CheckSoFar(in.ctx, in.g.cfg.Verifier, in.text, in.request())
	if in.mayCreate(err) {
		creator, _, denied := CheckSoFar(in.ctx, in.g.cfg.Verifier, in.text, in.creation())
		if denied == nil {
			who, err = creator, nil
		}
	}
	if err == nil {
		in.who = who
		in.up.TokenID, in.up.UserID, in.up.UserName = who.TokenID, who.UserID, who.UserName
	}
	return err
}

func (in *intake) fileTooLarge() error {
	return tooLarge("The file is larger than %d bytes, the limit of this index.", in.g.cfg.MaxFile)
}

// backendWriter marks errors of a Staged or a Form as errors of the backend.
type backendWriter struct{ io.Writer }

func (w backendWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return n, fmt.Errorf("%w: %w", errStore, err)
	}
	return n, nil
}

// printable returns s without what is not printable ASCII, cut to most bytes.
func printable(s string, most int) string {
	s = s[:min(len(s), most)]
	return strings.Map(func(c rune) rune {
		if c < 0x20 || c > 0x7e {
			return -1
		}
		return c
	}, s)
}
