package caveats

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// Life bounds the time in which a token is valid: NotBefore ≤ now < ExpiresAt, in Unix seconds.
// On the wire the end comes first: [0,ExpiresAt,NotBefore].
type Life struct{ ExpiresAt, NotBefore int64 }

// ProjectNames allows the projects with these names, each normalized (PEP 503) and
// compared byte for byte.
type ProjectNames []string

// ProjectIDs allows the projects with these UUIDs. If a project gives up its name
// and somebody else takes it, that is a different project.
type ProjectIDs []string

// User binds a token to the user with this UUID. It only restricts; the key store
// says whose token it is.
type User string

// Versions allows releases that equal one of these as PEP 440 compares them: "1.0"
// allows 1.0.0 and refuses 1.0+local.
type Versions []string

// FileNames allows files with these names, compared byte for byte.
type FileNames []string

// Digests allows files with these SHA-256 digests, in lower-case hex.
type Digests []string

// Networks allows clients in these networks, CIDR prefixes without host bits. An
// IPv4 prefix covers IPv4 clients only, an IPv6 prefix IPv6 clients only; no
// network contains an address with a zone.
type Networks []string

// Actions allows these actions: ActionUpload, ActionStage, ActionCreate. A token
// that may upload may also stage.
type Actions []string

// Unknown is a caveat whose tag this version does not know. No request satisfies
// it.
type Unknown struct {
	TagNumber string // the integer literal as it is written, of any length
	Raw       string // the whole caveat as it is written
}

// The tags of the caveats, as Caveat says.

func (Life) Tag() int         { return TagLife }
func (ProjectNames) Tag() int { return TagProjectNames }
func (ProjectIDs) Tag() int   { return TagProjectIDs }
func (User) Tag() int         { return TagUser }
func (Versions) Tag() int     { return TagVersions }
func (FileNames) Tag() int    { return TagFileNames }
func (Digests) Tag() int      { return TagDigests }
func (Networks) Tag() int     { return TagNetworks }
func (Actions) Tag() int      { return TagActions }
func (Unknown) Tag() int      { return -1 }

// The wire form, as Caveat says.

func (c Life) Append(dst []byte) []byte {
	dst = append(dst, "[0,"...)
	dst = strconv.AppendInt(dst, c.ExpiresAt, 10)
	dst = append(dst, ',')
	dst = strconv.AppendInt(dst, c.NotBefore, 10)
	return append(dst, ']')
}

func (c User) Append(dst []byte) []byte {
	return append(appendText(append(dst, "[3,"...), string(c)), ']')
}

func (c ProjectNames) Append(dst []byte) []byte { return appendList(dst, c.Tag(), c) }
func (c ProjectIDs) Append(dst []byte) []byte   { return appendList(dst, c.Tag(), c) }
func (c Versions) Append(dst []byte) []byte     { return appendList(dst, c.Tag(), c) }
func (c FileNames) Append(dst []byte) []byte    { return appendList(dst, c.Tag(), c) }
func (c Digests) Append(dst []byte) []byte      { return appendList(dst, c.Tag(), c) }
func (c Networks) Append(dst []byte) []byte     { return appendList(dst, c.Tag(), c) }
func (c Actions) Append(dst []byte) []byte      { return appendList(dst, c.Tag(), c) }
func (c Unknown) Append(dst []byte) []byte      { return append(dst, c.Raw...) }

func appendList(dst []byte, tag int, list []string) []byte {
	dst = strconv.AppendInt(append(dst, '['), int64(tag), 10)
	dst = append(dst, ",["...)
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, s)
	}
	return append(dst, "]]"...)
}

// What the caveats allow in words, as Caveat says.

func (c Life) String() string {
	switch {
	case c.ExpiresAt <= c.NotBefore:
		return "never valid: it would expire at " + when(c.ExpiresAt) + ", before it begins at " + when(c.NotBefore)
	case c.NotBefore <= 0:
		return "only before " + when(c.ExpiresAt)
	case c.ExpiresAt == math.MaxInt64:
		return "only from " + when(c.NotBefore) + " on"
	}
	return "only from " + when(c.NotBefore) + " until before " + when(c.ExpiresAt)
}

func (c ProjectNames) String() string { return projectNoun.words(c) }

func (c ProjectIDs) String() string {
	n := projectNoun
	n.one, n.many = "the project with the id", "the projects with the ids"
	if len(c) == 0 {
		n = projectNoun
	}
	return n.words(c)
}

func (c User) String() string      { return "only for the user with the id " + quote(string(c)) }
func (c Versions) String() string  { return versionNoun.words(c) }
func (c FileNames) String() string { return fileNoun.words(c) }
func (c Digests) String() string   { return digestNoun.words(c) }
func (c Networks) String() string  { return networkNoun.words(c) }
func (c Actions) String() string   { return actionNoun.words(c) }

func (c Unknown) String() string {
	return "a caveat that this version does not know (tag " + short(c.TagNumber) + ")"
}

// Whether a request satisfies the caveats, as Caveat says.

func (c Life) Check(r Request) *Failure {
	now := r.Now.Unix()
	switch {
	case r.Now.IsZero():
		return &Failure{Expired, "token is valid for a time only, and the time of the request is not known"}
	case now >= c.ExpiresAt:
		return &Failure{Expired, "token is expired"}
	case now < c.NotBefore:
		return &Failure{NotYetValid, "token is not valid before " + when(c.NotBefore)}
	}
	return nil
}

func (c ProjectNames) Check(r Request) *Failure {
	name := NormalizeProject(r.Project)
	if name != "" && slices.Contains(c, name) {
		return nil
	}
	f := projectNoun.mismatch(c, name)
	f.Text += notNormalized(c, name)
	return f
}

func (c ProjectIDs) Check(r Request) *Failure {
	switch {
	case ValidUUID(r.ProjectID) && slices.Contains(c, r.ProjectID):
		return nil
	case r.Project == "":
		return &Failure{WrongProject, "token is valid for certain projects only, and the request does not tell its project"}
	}
	return &Failure{WrongProject, "token was made for another project than the one that is now named " + quote(r.Project)}
}

func (c User) Check(r Request) *Failure {
	if r.UserID != "" && r.UserID == string(c) {
		return nil
	}
	return &Failure{WrongUser, "token is restricted to another user than the one it belongs to"}
}

func (c Versions) Check(r Request) *Failure {
	if v, err := ParseVersion(r.Version); err == nil {
		for _, s := range c {
			if w, err := ParseVersion(s); err == nil && v.Equal(w) {
				return nil
			}
		}
	}
	return versionNoun.mismatch(c, r.Version)
}

func (c FileNames) Check(r Request) *Failure {
	if r.Filename != "" && slices.Contains(c, r.Filename) {
		return nil
	}
	return fileNoun.mismatch(c, r.Filename)
}

func (c Digests) Check(r Request) *Failure {
	if validDigest(r.SHA256) && slices.Contains(c, r.SHA256) {
		return nil
	}
	return digestNoun.mismatch(c, r.SHA256)
}

func (c Networks) Check(r Request) *Failure {
	if !r.ClientIP.IsValid() {
		return networkNoun.mismatch(c, "")
	}
	ip := r.ClientIP.Unmap()
	for _, s := range c {
		if p, ok := parseNetwork(s); ok && p.Contains(ip) {
			return nil
		}
	}
	return networkNoun.mismatch(c, ip.String())
}

func (c Actions) Check(r Request) *Failure {
	if r.Action != "" && slices.Contains(c, r.Action) || r.Action == ActionStage && slices.Contains(c, ActionUpload) {
		return nil
	}
	return actionNoun.mismatch(c, r.Action)
}

func (c Unknown) Check(Request) *Failure {
	return &Failure{UnknownCaveat, "token has a caveat that this index does not know (tag " + short(c.TagNumber) + ")"}
}

// LifeUntil returns the life that begins now and lasts d, cut to whole seconds so
// that it never lasts longer.
func LifeUntil(now time.Time, d time.Duration) Life {
	return Life{ExpiresAt: now.Add(d).Unix(), NotBefore: now.Unix()}
}
