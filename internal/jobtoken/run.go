package jobtoken

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// killAfter is how long a command may take to end once it is asked to. CI systems give a job some seconds in all: GitHub ten.
const killAfter = 5 * time.Second

// Command is a program to run with its arguments.
type Command struct {
	Args     []string // the program first
	Env      []string
	In       io.Reader
	Out, Err io.Writer
}

// Find returns an error unless the program is there.
func (c Command) Find() error {
	_, err := exec.LookPath(c.Args[0])
	if err != nil {
		return fmt.Errorf("the command can't be run: %w", err)
	}
	return nil
}

// Signals are those that a command is told of while it runs, instead of this process ending.
type Signals struct {
	c chan os.Signal
}

// Catch begins to catch signals that end a process: from then on none of them ends this one, until release is called.
func Catch() (s *Signals, release func()) {
	s = &Signals{c: make(chan os.Signal, 8)}
	signal.Notify(s.c, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	return s, func() { signal.Stop(s.c) }
}

// Run runs the command and returns its exit code; 128 and the signal's number if a signal ended it. Signals that were caught are passed on to
// it. Some seconds after the first one, or after ctx is done, it is killed.
func (c Command) Run(ctx context.Context, s *Signals) (code int, err error) {
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = c.Env, c.In, c.Out, c.Err, time.Second
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("the command can't be run: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var kill <-chan time.Time
	over := ctx.Done()
	for {
		select {
		case err := <-ended:
			return exitCode(cmd.ProcessState, err)
		case sig := <-s.c:
			_ = cmd.Process.Signal(sig) // it may have ended; Windows' consoles tell it themselves
		case <-over:
			over = nil
		case <-kill:
			_ = cmd.Process.Kill()
		}
		if kill == nil {
			kill = time.After(killAfter)
		}
	}
}

func exitCode(state *os.ProcessState, err error) (int, error) {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return 0, fmt.Errorf("the command: %w", err)
	}
	if w, ok := state.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal()), nil
	}
	return state.ExitCode(), nil
}
