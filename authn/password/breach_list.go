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

// BreachList is a file of passwords that were stolen somewhere, in the public form
// of Pwned Passwords: lines "SHA1:count", where SHA1 is the hash of a password in 40
// hex digits, sorted by it. It is never loaded: a look at it reads some 35 short pieces
// of a file of any size. It may be used by several goroutines at once.
type BreachList struct {
	file *os.File
	size int64
}

// breachLine is more than the longest line of a list, in bytes.
const breachLine = 128

// OpenBreachList opens a list and looks at its two ends, so that a file of another
// form, or in another order, is found out at the start.
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

// Count tells how often a password was seen, 0 where it is not in the list. It is
// looked for as it was typed, and in the form that it is compared in.
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

// find halves the file until one line is left. All lines that begin before low have
// a smaller hash, all that begin at high or behind it none smaller.
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

// lineAt is the first line that begins at an offset or behind it, and where the one
// after it begins; io.EOF where there is none.
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

// lineErr is what it means that a piece of the file, up to an offset, has no end of
// a line.
func lineErr(at, size int64) error {
	if at >= size {
		return io.EOF
	}
	return fmt.Errorf("the line before byte %d is too long", at)
}
