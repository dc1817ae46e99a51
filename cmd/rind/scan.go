package main

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
	"github.com/rind-dev/rind/internal/text"
)

type scanCmd struct {
	Paths []string `arg:"" help:"Files, and folders with all that is in them." placeholder:"PATH"`
	JSON  bool     `name:"json" help:"Print one JSON object a line for each token."`
}

// Help documents the output.
func (scanCmd) Help() string {
	return `Prints the file, the line and the id of each token, never its text. Folders named .git, links, and files with a NUL byte in their first 8,000 bytes are passed over. ` +
		`Exit code 0: nothing found, 1: something found, 2: nothing found and not all could be read. ` +
		`A JSON object has file, line, id and location; these two are null where a token is damaged or cut. Nothing in a token is verified: it may be another index's.`
}

const exitUnread = 2 // nothing was found, and not everything could be looked at

// scanHead is how much of a file decides whether it is text, as git has it.
const scanHead = 8000

// finding is a token in a file.
type finding struct {
	File     string  `json:"file"`
	Line     int     `json:"line"` // from 1
	ID       *string `json:"id"`   // nil: damaged or cut
	Location *string `json:"location"`
}

// Run looks at all paths, also when one of them can't be read.
func (c scanCmd) Run(ctx context.Context, s streams) error {
	found, unread := 0, 0
	report := func(f finding) error {
		found++
		return c.print(s.out, f)
	}
	for _, root := range c.Paths {
		err := walk(ctx, root, func(path string) error { return scanFile(path, report) }, func(err error) {
			unread++
			complain(s.err, errors.New(text.Line(err.Error())))
		})
		if err != nil {
			return err
		}
	}
	switch {
	case found > 0:
		fmt.Fprintf(s.err, "rind: %d found: revoke each that was ever shared, and take it out of the file\n", found)
		return exitCode(exitFailed)
	case unread > 0:
		return exitCode(exitUnread)
	}
	return nil
}

func (c scanCmd) print(w io.Writer, f finding) error {
	if c.JSON {
		return printJSON(w, f)
	}
	what := "a token that is damaged or cut"
	if f.ID != nil {
		what = fmt.Sprintf("token %s of %s", text.Line(*f.ID), text.Line(*f.Location))
	}
	_, err := fmt.Fprintf(w, "%s:%d: %s\n", text.Line(f.File), f.Line, what)
	return err
}

// errPrint says that a finding could not be printed, which ends the scan.
type errPrint struct{ error }

// walk calls look with each file below a path. What can't be read is told to unread,
// and passed over; what it returns itself ends the scan.
func walk(ctx context.Context, root string, look func(path string) error, unread func(error)) error {
	if real, err := os.Stat(root); err == nil && real.Mode().IsRegular() { // through a link: it was named
		return lookAt(root, look, unread)
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			unread(err)
		case d.IsDir() && d.Name() == ".git" && path != root:
			return fs.SkipDir
		case d.Type().IsRegular():
			return lookAt(path, look, unread)
		}
		return nil
	})
}

func lookAt(path string, look func(string) error, unread func(error)) error {
	err := look(path)
	var own errPrint
	if err == nil || errors.As(err, &own) {
		return err
	}
	unread(err)
	return nil
}

// scanFile reports the tokens of a file of text.
func scanFile(path string, report func(finding) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 64<<10)
	head, err := r.Peek(scanHead)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return nil
	}
	return scanText(r, func(line int, t *token.Token) error {
		out := finding{File: path, Line: line}
		if t != nil {
			out.ID, out.Location = &t.ID, &t.Location
		}
		if err := report(out); err != nil {
			return errPrint{err}
		}
		return nil
	})
}
