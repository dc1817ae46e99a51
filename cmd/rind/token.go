package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rind-dev/rind/caveats/token"
)

// tokenCmd groups what holders do with tokens. Tokens come from standard input or
// a file: an argument is visible to every process and stays in the shell's history.
type tokenCmd struct {
	Inspect  inspectCmd  `cmd:"" help:"Show what a token says, in words. Verifies nothing."`
	Restrict restrictCmd `cmd:"" help:"Restrict a token, offline, and print the restricted one."`
	Verify   verifyCmd   `cmd:"" help:"Check with a root-key store whether a token allows an upload. Exit code 0: yes, 1: no, 2: could not be checked."`
	Exchange exchangeCmd `cmd:"" help:"In a CI job, exchange its ID token for an upload token, and run a command with it."`
	Scan     scanCmd     `cmd:"" help:"Find tokens in files, for example in a pre-commit hook. Exit code 0: none, 1: found."`
}

// tokenInput is where a command reads the token from.
type tokenInput struct {
	TokenFile string `help:"File with the token, instead of standard input." placeholder:"FILE"`
}

// maxInput is how many bytes of a token and the white space around it are accepted.
// Anything longer is passed on as a text that token.Parse refuses as too large.
const maxInput = token.MaxText + 1024

// read reads a token from the file or from standard input. White space around it is dropped, because files and pipes
// end in a newline; the parser reports anything else that is wrong.
func (i tokenInput) read(s streams) (string, error) {
	from, name := s.in, "standard input"
	switch {
	case i.TokenFile != "":
		f, err := os.Open(i.TokenFile)
		if err != nil {
			return "", fmt.Errorf("--token-file: %w", err)
		}
		defer f.Close()
		from, name = f, i.TokenFile
	case isTerminal(s.in):
		fmt.Fprintln(s.err, "Paste the token, then press Enter and Ctrl-D:")
	}
	b, err := io.ReadAll(io.LimitReader(from, maxInput+1))
	if err != nil {
		return "", fmt.Errorf("read the token from %s: %w", name, err)
	}
	if len(b) > maxInput {
		return string(b), nil // whatever else is behind it, it is too large
	}
	text := strings.TrimSpace(string(b))
	if text == "" {
		return "", fmt.Errorf("%s contains no token: pipe one in, like 'rind token inspect < token.txt', or name a file with --token-file", name)
	}
	return text, nil
}

// isTerminal reports whether r is a terminal, where somebody may be waiting.
func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	fi, err := f.Stat()
	return err == nil && fi.Mode()&os.ModeCharDevice != 0
}

// explain returns an error that says what to do about a text that is not a token.
func explain(err error) error {
	switch {
	case errors.Is(err, token.ErrTooLarge):
		return fmt.Errorf("this is too large for a token: the limits are %d characters, %d caveats and %d bytes per caveat",
			token.MaxText, token.MaxCaveats, token.MaxCaveat)
	case errors.Is(err, token.ErrMalformed):
		return fmt.Errorf("this is not a token (%w): copy all of it, from %q to its last character", err, token.Prefix)
	}
	return err
}

// errTokenArgument refuses a token in the arguments, and does not repeat it.
var errTokenArgument = errors.New("a token was given as an argument, where other processes and the shell's history can see it: revoke it, and pass tokens on standard input or with --token-file")
