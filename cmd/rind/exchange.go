package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/rind-dev/rind/internal/jobtoken"
	"github.com/rind-dev/rind/internal/limits"
)

// burnTime is how long the end of a token may take: a CI system that stops a job gives it some seconds.
const burnTime = 5 * time.Second

type exchangeCmd struct {
	Server      string    `help:"Address of the rind server, or an upload address on it." required:"" env:"RIND_SERVER" placeholder:"URL"`
	UploadURL   string    `name:"upload-url" help:"Where the command uploads to, for example a gateway (default: /legacy/ of the server)." placeholder:"URL"`
	CAFile      string    `name:"ca-file" help:"CA certificates (PEM) for the server (default: the system's)." placeholder:"FILE"`
	IDTokenFile string    `name:"id-token-file" help:"File with an ID token, for CI systems that are not found by themselves." placeholder:"FILE"`
	Digests     filePaths `help:"Only these files can be uploaded: the token is limited to their SHA-256 digests." placeholder:"FILE..."`
	Command     []string  `arg:"" optional:"" name:"command" help:"Command to run with the token, behind --. The token ends with it."`
}

// Help shows how it is used.
func (exchangeCmd) Help() string {
	return `Exchanges the ID token of a CI job for an upload token (trusted publishing), in jobs of GitHub Actions, Forgejo, GitLab, Buildkite, CircleCI and Google Cloud. An owner adds a publisher for the job on the project's page first.

  rind token exchange --server https://packages.example.org --digests dist/* -- twine upload dist/*

Without a command, it prints the token and nothing else. A command finds address and token in variables of twine, uv, poetry (publish -r ` + jobtoken.Repository + `), flit, hatch, pdm and maturin, and in ` +
		jobtoken.VariableURL + ` and ` + jobtoken.VariableToken + `. When it ended, failed or was interrupted, the token is ended too; the exit code is the command's.`
}

// filePaths are the values of a flag that takes all arguments up to the next flag, as a shell writes them for dist/*.
type filePaths []string

// Decode implements kong.MapperValue.
func (f *filePaths) Decode(ctx *kong.DecodeContext) error {
	for {
		next := ctx.Scan.Peek()
		more := next.Type != kong.EOLToken && (next.Type == kong.FlagValueToken || !strings.HasPrefix(next.String(), "-"))
		if !more {
			break
		}
		*f = append(*f, ctx.Scan.Pop().String())
	}
	if len(*f) == 0 {
		return errors.New("expected a file")
	}
	return nil
}

// digests returns the digests of the files, without what uploads have beside them. None would mean a token for any file, so that is an error.
func (f filePaths) digests() (out []string, err error) {
	for _, pattern := range f {
		paths := []string{pattern}
		if found, globErr := filepath.Glob(pattern); globErr == nil && len(found) > 0 {
			paths = found // a shell that writes no names out, as on Windows
		}
		for _, path := range paths {
			if ext := filepath.Ext(path); ext == ".attestation" || ext == ".asc" {
				continue
			}
			digest, err := limits.Digest("--digests", path)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(out, digest) {
				out = append(out, digest)
			}
		}
	}
	if len(f) > 0 && len(out) == 0 {
		return nil, errors.New("--digests names signatures and attestations alone: name the wheels and sdists")
	}
	return out, nil
}

// Run prints a token, or runs a command with one.
func (c exchangeCmd) Run(ctx context.Context, s streams) error {
	command := jobtoken.Command{Args: c.Command, In: s.in, Out: s.rawOut, Err: s.rawErr}
	client, digests, err := c.prepare()
	if err == nil && len(c.Command) > 0 {
		err = command.Find()
	}
	if err != nil {
		return err
	}
	job := jobtoken.NewJob()
	job.TokenFile = c.IDTokenFile
	caught, release := &jobtoken.Signals{}, func() {}
	if len(c.Command) > 0 { // from here on, no signal keeps the token from being ended
		caught, release = jobtoken.Catch()
	}
	defer release()
	t, err := client.Get(ctx, job, digests)
	if err != nil {
		return err
	}
	if os.Getenv("GITHUB_ACTIONS") == "true" { // GitHub's and Forgejo's runners take it out of logs
		fmt.Fprintln(s.err, "::add-mask::"+t.Text)
	}
	if len(c.Command) == 0 {
		_, err := fmt.Fprintln(s.out, t.Text)
		return err
	}
	fmt.Fprintln(s.err, "rind:", t)
	command.Env = jobtoken.Environ(os.Environ(), t.Text, c.UploadURL)
	defer c.burn(ctx, client, t, s)
	code, err := command.Run(ctx, caught)
	if err == nil && code != exitOK {
		err = exitCode(code)
	}
	return err
}

// prepare checks all that can be checked without the server.
func (c *exchangeCmd) prepare() (*jobtoken.Client, []string, error) {
	roots, err := jobtoken.Roots(c.CAFile)
	if err != nil {
		return nil, nil, fmt.Errorf("--ca-file: %w", err)
	}
	client, err := jobtoken.NewClient(c.Server, roots)
	if err != nil {
		return nil, nil, fmt.Errorf("--server: %w", err)
	}
	if c.UploadURL == "" {
		c.UploadURL = client.UploadURL()
	}
	if err := jobtoken.CheckUploadURL(c.UploadURL); err != nil {
		return nil, nil, fmt.Errorf("--upload-url: %w", err)
	}
	digests, err := c.Digests.digests()
	return client, digests, err
}

// burn ends the token, whatever became of the command.
func (c exchangeCmd) burn(ctx context.Context, client *jobtoken.Client, t jobtoken.Token, s streams) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), burnTime)
	defer cancel()
	if err := client.Burn(ctx, t.Text); err != nil {
		fmt.Fprintf(s.err, "rind: warning: the token was not ended, and ends by itself at %s: %v\n", t.Expires.UTC().Format(time.RFC3339), err)
	}
}
