package tokenscan

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rind-dev/rind/caveats/token"
)

// scanHead is how many bytes of a file decide whether it is text, as in git.
const scanHead = 8000

// Finding is a token in a file.
type Finding struct {
	File     string  `json:"file"`
	Line     int     `json:"line"` // from 1
	ID       *string `json:"id"`   // nil if damaged or truncated
	Location *string `json:"location"`
}

// Files scans the named files, and the files in the named folders. In folders it skips folders named .git,
// links, pipes and devices, and files with a NUL byte in their first 8,000 bytes that are not UTF-16. It
// always reads a file that is named itself. It calls found for each token, and unread for each path that it
// could not read. It stops early with the error of found or of ctx.
func Files(ctx context.Context, paths []string, found func(Finding) error, unread func(error)) error {
	for _, root := range paths {
		err := walk(ctx, root, func(path string) error { return scanFile(path, path == root, found) }, unread)
		if err != nil {
			return err
		}
	}
	return nil
}

// foundError is the error of found, which ends the scan.
type foundError struct{ error }

// walk calls look for each file below a path. If the path itself is a link, walk follows it, because it was
// named. walk calls unread for what it can't read, and skips it. An error of look ends the scan.
func walk(ctx context.Context, root string, look func(path string) error, unread func(error)) error {
	info, err := os.Stat(root)
	switch {
	case err != nil:
		unread(err)
		return nil
	case info.Mode().IsRegular():
		return lookAt(root, look, unread)
	case !info.IsDir():
		unread(fmt.Errorf("%s is neither a file nor a folder, so it was not read", root))
		return nil
	}
	within := root
	if !os.IsPathSeparator(root[len(root)-1]) {
		within += string(filepath.Separator) // so that WalkDir opens the folder that a link leads to, not the link
	}
	return filepath.WalkDir(within, func(path string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			unread(err)
		case d.IsDir() && d.Name() == ".git" && path != within:
			return fs.SkipDir
		case d.Type().IsRegular():
			return lookAt(path, look, unread)
		}
		return nil
	})
}

func lookAt(path string, look func(string) error, unread func(error)) error {
	err := look(path)
	var ends foundError
	if errors.As(err, &ends) {
		return ends.error
	}
	if err == nil {
		return nil
	}
	unread(err)
	return nil
}

// scanFile reports the tokens in a text file. If named is set, the file was named itself, and is scanned
// whatever it contains.
func scanFile(path string, named bool, report func(Finding) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	buffer := bufio.NewReaderSize(f, 64<<10)
	head, err := buffer.Peek(scanHead)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	var r io.ByteReader = buffer
	if high := utf16High(head); high >= 0 {
		r = utf16Reader{buffer, high}
	} else if bytes.IndexByte(head, 0) >= 0 && !named {
		return nil
	}
	return Text(r, func(line int, t *token.Token) error {
		out := Finding{File: path, Line: line}
		if t != nil {
			out.ID, out.Location = &t.ID, &t.Location
		}
		if err := report(out); err != nil {
			return foundError{err}
		}
		return nil
	})
}

// utf16High returns which byte of each pair is the high byte in UTF-16 text, or -1 if the text is not
// UTF-16. It goes by the byte order mark, or by whether most of those bytes and none of the others are
// zero.
func utf16High(head []byte) int {
	if len(head) < 2 {
		return -1
	}
	switch {
	case head[0] == 0xff && head[1] == 0xfe:
		return 1
	case head[0] == 0xfe && head[1] == 0xff:
		return 0
	}
	var zeros [2]int
	pairs := head[:len(head)&^1]
	for i, b := range pairs {
		if b == 0 {
			zeros[i%2]++
		}
	}
	for high := range zeros {
		if zeros[1-high] == 0 && zeros[high] > len(pairs)/4 {
			return high
		}
	}
	return -1
}

// utf16Reader reads the ASCII characters of UTF-16 text. It returns a zero byte, which no token contains,
// for any other character.
type utf16Reader struct {
	from *bufio.Reader
	high int // index of the high byte of a pair
}

// ReadByte implements io.ByteReader.
func (r utf16Reader) ReadByte() (byte, error) {
	var pair [2]byte
	for i := range pair {
		b, err := r.from.ReadByte()
		if err != nil {
			return 0, err // half a character does not count
		}
		pair[i] = b
	}
	if pair[r.high] != 0 {
		return 0, nil
	}
	return pair[1-r.high], nil
}
