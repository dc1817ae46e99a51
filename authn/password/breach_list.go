package password

import (
	"bufio"
	"bytes"
	"crypto/sha1" //nolint:gosec // the lists are of SHA-1 hashes
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// BreachList is a file of stolen passwords, in the public format
// of Pwned Passwords: lines "SHA1:count", where SHA1 is the hash of a password in 40
// hex digits, sorted by hash. The file is never loaded as a whole: a lookup reads about 35 short
// pieces, however large the file is. A BreachList is safe for concurrent use.
type BreachList struct {
	file *os.File
	size int64
}

// breachLine is a length in bytes that no line of a list reaches.
const breachLine = 128

// OpenBreachList opens a list and checks its beginning and its end, so that it refuses a file in another
// format or order at once.
func OpenBreachList(path string) (*BreachList, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("password: breach list: %w", err)
	}
	l := &BreachList{file: f}
	if err := l.check(); err != nil {
		return nil, errors.Join(fmt.Errorf("password: breach list %s: %w", path, err), f.Close())
	}
	return l, nil
}

// Close closes the file.
func (l *BreachList) Close() error { return l.file.Close() }

func (l *BreachList) check() error {
	fi, err := l.file.Stat()
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return errors.New("not a file")
	}
	l.size = fi.Size()
	first, _, _, err := l.lineAt(0)
	if errors.Is(err, io.EOF) {
		return errors.New("it is empty")
	}
	if err != nil {
		return err
	}
	for at := max(0, l.size-breachLine); ; {
		hash, _, next, err := l.lineAt(at)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case hash < first:
			return errors.New("its lines are not sorted by hash")
		}
		first, at = hash, next
	}
}

// Count returns how often a password was seen, 0 if it is not in the list. It looks up
// the password as it was typed and in normal form C, in which passwords are compared.
func (l *BreachList) Count(password string) (int, error) {
	count := 0
	for _, form := range []string{password, norm.NFC.String(password)} {
		sum := sha1.Sum([]byte(form)) //nolint:gosec // as above
		n, err := l.find(strings.ToUpper(hex.EncodeToString(sum[:])))
		if err != nil {
			return 0, fmt.Errorf("password: breach list: %w", err)
		}
		count = max(count, n)
		if form == norm.NFC.String(password) {
			break
		}
	}
	return count, nil
}

// find does a binary search over the file. All lines that begin before low have
// a smaller hash; no line that begins at high or after it does.
func (l *BreachList) find(hash string) (int, error) {
	low, high := int64(0), l.size
	for low < high {
		middle := low + (high-low)/2
		found, count, next, err := l.lineAt(middle)
		switch {
		case errors.Is(err, io.EOF): // no line begins there
			high = middle
		case err != nil:
			return 0, err
		case found == hash:
			return count, nil
		case found < hash:
			low = next
		default:
			high = middle
		}
	}
	return 0, nil
}

// lineAt returns the first line that begins at an offset or after it, and where the next line
// begins. It returns io.EOF if no line begins there.
func (l *BreachList) lineAt(at int64) (hash string, count int, next int64, err error) {
	buf := make([]byte, 2*breachLine)
	from := max(0, at-1) // the byte before a line is the end of the one before
	n, err := l.file.ReadAt(buf, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", 0, 0, err
	}
	r := bufio.NewReader(bytes.NewReader(buf[:n]))
	if at > 0 {
		skipped, err := r.ReadString('\n')
		from += int64(len(skipped))
		if err != nil {
			return "", 0, 0, lineErr(from, l.size)
		}
	}
	line, err := r.ReadString('\n')
	next = from + int64(len(line))
	if err != nil && (next < l.size || line == "") {
		return "", 0, 0, lineErr(next, l.size)
	}
	hash, text, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
	count, err = strconv.Atoi(text)
	if !ok || err != nil || count < 0 || len(hash) != 2*sha1.Size || strings.Trim(hash, "0123456789ABCDEFabcdef") != "" {
		return "", 0, 0, fmt.Errorf("the line at byte %d is not a hash of 40 hex digits, ':' and a count", from)
	}
	return strings.ToUpper(hash), count, next, nil
}

// lineErr returns the error for a piece of the file, up to an offset, that contains no end of
// a line.
func lineErr(at, size int64) error {
	if at >= size {
		return io.EOF
	}
	return fmt.Errorf("the line before byte %d is too long", at)
}
