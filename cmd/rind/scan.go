package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/internal/tokenscan"
)

type scanCmd struct {
	Paths []string `arg:"" help:"Files, and folders with everything in them." placeholder:"PATH"`
	JSON  bool     `name:"json" help:"Print one JSON object per line for each token."`
}

// Help documents the output.
func (scanCmd) Help() string {
	return `Prints the file, the line and the ID of each token, never its text. Tokens are found as plain text, percent-encoded, and inside base64, as in Basic credentials; files can be UTF-8 or UTF-16. ` +
		`Inside a folder, these are skipped: folders named .git, links, pipes, devices, and files with a NUL byte in their first 8,000 bytes that are not UTF-16. Files that you name are always read. ` +
		`Exit code 0: nothing found, 1: something found, 2: nothing found, but some files could not be read. ` +
		`A JSON object has file, line, id and location; id and location are null if the token is damaged or cut off. Nothing is verified: a token may belong to another index.`
}

const exitUnread = 2 // nothing was found, and not everything could be looked at

// Run scans all paths, even if one of them can't be read.
func (c scanCmd) Run(ctx context.Context, s streams) error {
	found, unread := 0, 0
	report := func(f tokenscan.Finding) error {
		found++
		return c.print(s.out, f)
	}
	err := tokenscan.Files(ctx, c.Paths, report, func(err error) {
		unread++
		complain(s.err, errors.New(text.Line(err.Error())))
	})
	if err != nil {
		return err
	}
	switch {
	case found > 0:
		fmt.Fprintf(s.err, "rind: %d found: remove each from its file, and revoke it if it was ever shared\n", found)
		return exitCode(exitFailed)
	case unread > 0:
		return exitCode(exitUnread)
	}
	return nil
}

func (c scanCmd) print(w io.Writer, f tokenscan.Finding) error {
	if c.JSON {
		return text.JSON(w, f)
	}
	what := "a token that is damaged or cut off"
	if f.ID != nil {
		what = fmt.Sprintf("token %s of %s", text.Line(*f.ID), text.Line(*f.Location))
	}
	_, err := fmt.Fprintf(w, "%s:%d: %s\n", text.Line(f.File), f.Line, what)
	return err
}
