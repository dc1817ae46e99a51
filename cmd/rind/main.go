// Command rind issues upload tokens for package indexes and checks them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes beside those that a command documents itself.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// cli is the command line.
type cli struct {
	Serve   serveCmd   `cmd:"" help:"Serve the pages, the upload API and the index."`
	Token   tokenCmd   `cmd:"" help:"Inspect, narrow and check tokens."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// streams are the standard streams of the process.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// exitCode is an error that has said all that there is to say.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process around it. It ends when ctx does.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	exited := false
	parser, err := kong.New(&cli{},
		kong.Name("rind"),
		kong.Description("Upload tokens for package indexes: mint them behind two factors, check them offline."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(c int) { exited, code = true, c }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(streams{stdin, stdout, stderr}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "rind:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	if tokenArgument(args) {
		fmt.Fprintln(stderr, "rind:", errTokenArgument)
		return exitUsage
	}
	command, err := parser.Parse(args)
	if exited { // --help
		return code
	}
	if err != nil {
		fmt.Fprintf(stderr, "rind: %v\nrind: 'rind --help' lists the commands, 'rind COMMAND --help' the flags of one\n", err)
		return exitUsage
	}
	err = command.Run()
	var known exitCode
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &known):
		return int(known)
	}
	fmt.Fprintln(stderr, "rind:", err)
	return exitFailed
}

type versionCmd struct{}

// Run prints the version that the build was given or stamped with.
func (versionCmd) Run(s streams) error {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
	}
	_, err := fmt.Fprintln(s.out, "rind", version)
	return err
}
