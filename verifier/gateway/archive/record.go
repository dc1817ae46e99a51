package archive

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/csv"
	"errors"
	"hash"
	"io"
	"strconv"
	"strings"

	"github.com/rind-dev/rind/verifier/gateway/internal/digester"
)

// algorithm is a hash function that RECORD may name.
type algorithm uint8

const (
	none algorithm = iota
	sha256Sum
	sha384Sum
	sha512Sum
)

func algorithmOf(name string) algorithm {
	for a := sha256Sum; a <= sha512Sum; a++ {
		if a.String() == name {
			return a
		}
	}
	return none
}

func (a algorithm) String() string { return [...]string{"", "sha256", "sha384", "sha512"}[a] }

func (a algorithm) new() hash.Hash {
	switch a {
	case sha384Sum:
		return sha512.New384()
	case sha512Sum:
		return sha512.New()
	}
	return sha256.New()
}

// recorded is what RECORD says about a file.
type recorded struct {
	listed    bool
	algorithm algorithm
	digest    [32]byte // first bytes of the digest, as many as SHA-256 has
}

// unlisted reports whether a file may be missing in RECORD because it signs RECORD.
func unlisted(info, name string) bool {
	return name == info+"/RECORD.jws" || name == info+"/RECORD.p7s"
}

// readRecord reads RECORD into the entries. RECORD must list each file once, with a digest.
func (z *zipFile) readRecord(info string) error {
	rows := csv.NewReader(&lines{from: z.open(z.find(info + "/RECORD"))})
	rows.FieldsPerRecord, rows.ReuseRecord = 3, true
	self := info + "/RECORD"
	for {
		row, err := rows.Read()
		if err == io.EOF {
			break
		}
		var wrong *csv.ParseError
		if errors.As(err, &wrong) {
			return fault("RECORD has a line that is not 'path,digest,size': line %d", wrong.StartLine)
		}
		if err != nil {
			return err
		}
		entry := z.find(row[0])
		switch {
		case entry == nil:
			return fault("RECORD lists a file that is not in the wheel: '%s'", clip(row[0]))
		case entry.want.listed:
			return fault("RECORD lists a file twice: '%s'", clip(row[0]))
		}
		entry.want.listed = true
		if row[0] == self || unlisted(info, row[0]) && row[1] == "" {
			continue
		}
		if err := entry.record(row[1], row[2]); err != nil {
			return err
		}
	}
	for i := range z.entries {
		e := &z.entries[i]
		if !e.want.listed && !strings.HasSuffix(e.name, "/") && !unlisted(info, e.name) {
			return fault("RECORD lacks a file that is in the wheel: '%s'", clip(e.name))
		}
	}
	return nil
}

// record takes the digest and the size of a row.
func (z *zipEntry) record(digest, size string) error {
	name, text, _ := strings.Cut(digest, "=")
	z.want.algorithm = algorithmOf(strings.ToLower(name))
	if z.want.algorithm == none {
		return fault("RECORD has no digest of '%s' by sha256, sha384 or sha512", clip(z.name))
	}
	sum, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(sum) != z.want.algorithm.new().Size() {
		return fault("RECORD has a malformed digest of '%s'", clip(z.name))
	}
	copy(z.want.digest[:], sum)
	if size != "" && size != strconv.FormatInt(z.size, 10) {
		return fault("RECORD says that '%s' has another size", clip(z.name))
	}
	return nil
}

// checkRecorded reads all files, and compares their content with RECORD.
func (z *zipFile) checkRecorded() error {
	var files digester.Digester
	for i := range z.entries {
		entry := &z.entries[i]
		sum, ok := z.src.unpackedAhead(entry)
		if !ok {
			h := entry.want.algorithm.new()
			if err := files.Digest(h, z.open(entry), entry.size); err != nil {
				return err
			}
			sum = [32]byte(h.Sum(nil))
		}
		if entry.want.algorithm != none && sum != entry.want.digest {
			return fault("RECORD has another digest of '%s'", clip(entry.name))
		}
	}
	return nil
}

// lines ends a file with a line that is too long, or goes on inside quotes, before it takes memory.
type lines struct {
	from   io.Reader
	length int
	quotes int // number of quotes in the line
}

func (l *lines) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	for _, c := range p[:n] {
		l.length++
		switch c {
		case '"':
			l.quotes++
		case '\n':
			if l.quotes%2 != 0 {
				return 0, fault("RECORD has a line end inside quotes")
			}
			l.length, l.quotes = 0, 0
		}
		if l.length > 4*maxName {
			return 0, fault("RECORD has a line of more than %d bytes", 4*maxName)
		}
	}
	return n, err
}
