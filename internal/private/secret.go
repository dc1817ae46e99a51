package private

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// maxSecret is the longest secret that is read, in bytes.
const maxSecret = 16 << 10

// Read reads a private file of at most so many bytes; CheckSecret decides who may read it, by the open file, so that nobody
// can put another in its place in between. The error names the file first, or is an [fs.PathError].
func (a Access) Read(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := a.CheckSecret(path, fi); err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return b, nil
}

// ReadSecret reads a file with a secret, a password or a token: one line of text, at most 16 KiB. CheckSecret decides who
// may read the file. The error names the file, and never contains any of its content.
func (a Access) ReadSecret(path string) (string, error) {
	b, err := a.Read(path, maxSecret)
	if err != nil {
		return "", err
	}
	secret := strings.TrimRight(string(b), "\r\n")
	if secret == "" || strings.ContainsFunc(secret, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return "", fmt.Errorf("%s does not contain a secret: one line of text", path)
	}
	return secret, nil
}
