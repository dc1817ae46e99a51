// Command rind issues upload tokens for package indexes and checks them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/internal/tokenscan"
)

// Exit codes besides those that a command documents itself.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// cli is the command line.
type cli struct {
	Serve    serveCmd    `cmd:"" help:"Serve the pages, the upload API and the index."`
	Token    tokenCmd    `cmd:"" help:"Inspect, restrict and check tokens."`
	Restored restoredCmd `cmd:"" help:"Declare that the store was restored from a backup, so that verifiers follow it."`
	Store    storeCmd    `cmd:"" help:"Copy the issuer's store, from a file to a database or back."`
	Verifier verifierCmd `cmd:"" help:"Keep a root-key store up to date on another machine."`
	Gateway  gatewayCmd  `cmd:"" help:"Take uploads for an index that you already have, and check their tokens."`
	Admin    adminCmd    `cmd:"" help:"Administer the server that runs on this machine."`
	Version  versionCmd  `cmd:"" help:"Print the version, like 'rind --version'."`
}

// streams are the standard streams of the process. What is written to out and err is made
// harmless for terminals; text.Line also keeps one value in one line. What another program
// writes goes to rawOut and rawErr as it is.
type streams struct {
	in             io.Reader
	out, err       io.Writer
	rawOut, rawErr io.Writer
}

// exitCode is an error after which nothing more needs to be printed.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main without the process around it. It ends when ctx does. Output is made
// harmless for terminals, because much of it comes from servers, files and tokens.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out, errs := text.NewWriter(stdout), text.NewWriter(stderr)
	code := runCommand(ctx, args, streams{stdin, out, errs, stdout, stderr})
	if err := errors.Join(out.Flush(), errs.Flush()); err != nil && code == exitOK {
		return exitFailed
	}
	return code
}

// runCommand is run, with streams that already make text harmless.
func runCommand(ctx context.Context, args []string, s streams) (code int) {
	exited := false
	parser, err := kong.New(&cli{},
		kong.Name("rind"),
		kong.Description("Upload tokens for package indexes: create them behind two factors, check them offline."),
		kong.Writers(s.out, s.err),
		kong.Exit(func(c int) { exited, code = true, c }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
	)
	if err != nil {
		complain(s.err, err)
		return exitFailed
	}
	switch {
	case len(args) == 0:
		args = []string{"--help"}
	case args[0] == "--version": // behind a command it is a version of a package
		args[0] = "version"
	}
	if slices.ContainsFunc(args, tokenscan.Likely) {
		complain(s.err, errTokenArgument)
		return exitUsage
	}
	command, err := parser.Parse(args)
	if exited { // --help
		return code
	}
	if err != nil {
		complain(s.err, fmt.Errorf("%w\nRun 'rind --help' for the commands, or 'rind COMMAND --help' for the flags of one", err))
		return exitUsage
	}
	if !hasModes {
		if err := needsModes(command.Command()); err != nil {
			complain(s.err, err)
			return exitFailed
		}
	}
	err = command.Run()
	var known exitCode
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &known):
		return int(known)
	}
	complain(s.err, err)
	return exitFailed
}

// complain prints an error, with the program's name before each line.
func complain(stderr io.Writer, err error) {
	fmt.Fprintln(stderr, "rind:", strings.ReplaceAll(err.Error(), "\n", "\nrind: "))
}
