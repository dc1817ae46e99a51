package private

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// maxSecret is the longest secret that is read, in bytes.
const maxSecret = 16 << 10

// ReadSecret reads a file with a secret, a password or a token: one line of text, at most 16 KiB. CheckSecret decides who
// may read the file. The error names the file, and never contains any of its content.
func (a Access) ReadSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return "", err
	}
	if err := a.CheckSecret(path, fi); err != nil {
		return "", fmt.Errorf("%s %w", path, err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", err
	}
	secret := strings.TrimRight(string(b), "\r\n")
	if secret == "" || len(secret) > maxSecret || strings.ContainsFunc(secret, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return "", fmt.Errorf("%s does not contain a secret: one line of text", path)
	}
	return secret, nil
}
