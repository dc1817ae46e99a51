package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rind-dev/rind/internal/certificate/certtest"
	"github.com/rind-dev/rind/internal/realtest"
)

func TestMain(m *testing.M) {
	if os.Getenv("GORACE") == "" {
		os.Setenv("GORACE", raceOptions) // of what the tests start
	}
	testscript.Main(m, map[string]func(){"rind": main})
}

// dispatcher is what scripts call as rind. In those that say 'env RACED=1', which are about what runs
// on in the background, that runs in this test binary, which has the race detector. What ends at once
// need not: its start takes a second of CPU there.
const dispatcher = `#!/bin/sh
case "$RACED $1 $2" in
1\ serve\ *|1\ verifier\ follow) exec '%s' "$@" ;;
*) exec '%s' "$@" ;;
esac
`

// raceOptions has a program with the race detector end at once: it would wait a second for what
// else runs in it.
const raceOptions = "atexit_sleep_ms=20"

// TestScript runs the real main by the scripts of testdata/script.
func TestScript(t *testing.T) {
	raced, err := exec.LookPath("rind") // testscript.Main put it there
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	writeFile(t, filepath.Join(bin, "rind"), 0o700, fmt.Appendf(nil, dispatcher, raced, realtest.Rind(t)))
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("GORACE", raceOptions)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"store":      cmdStore,
			"revoke":     cmdRevoke,
			"remint":     cmdRemint,
			"account":    cmdAccount,
			"people":     cmdPeople,
			"rows":       cmdRows,
			"forge":      cmdForge,
			"refill":     cmdRefill,
			"heard":      cmdHeard,
			"answers":    cmdAnswers,
			"upload":     cmdUpload,
			"freeport":   cmdFreePort,
			"await":      cmdAwait,
			"sigterm":    cmdSigterm,
			"selfsigned": cmdSelfSigned,
		},
	})
}

// usage ends a script whose command is misused.
func usage(ts *testscript.TestScript, neg, right bool, text string) {
	if neg || !right {
		ts.Fatalf("usage: %s", text)
	}
}

// cmdFreePort puts a port that is free at present into the variable.
func cmdFreePort(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "freeport VARIABLE")
	port, err := realtest.NewPort()
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(port))
}

// patience is how long a script waits for another process.
const patience = realtest.Patience

// cmdAnswers waits until a URL answers with a status, and its body is what stdout then
// checks.
func cmdAnswers(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "answers URL STATUS")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		resp, err := client.Get(args[0])
		ts.Check(err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		ts.Check(err)
		if strconv.Itoa(resp.StatusCode) == args[1] {
			_, err = ts.Stdout().Write(body)
			ts.Check(err)
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s answers %d: %s", args[0], resp.StatusCode, body)
		}
	}
}

// cmdAwait waits until a URL answers with 200. A second argument names the certificate
// to trust.
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1 || len(args) == 2, "await URL [CERTIFICATE]")
	transport := &http.Transport{DisableKeepAlives: true}
	if len(args) == 2 {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(ts.ReadFile(args[1]))) {
			ts.Fatalf("%s contains no certificate", args[1])
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := get(ctx, transport, args[0])
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("%s: not within %s: %v", args[0], patience, err)
		}
	}
}

func get(ctx context.Context, via http.RoundTripper, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := via.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", resp.Status)
	}
	return nil
}

// cmdSigterm asks everything in the background to end; wait then looks at how it did.
func cmdSigterm(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 0, "sigterm")
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(syscall.SIGTERM))
	}
}

// cmdSelfSigned makes a certificate for localhost, and its key.
func cmdSelfSigned(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "selfsigned CERTIFICATE KEY")
	cert, key, err := certtest.Make("localhost", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), cert, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), key, 0o600))
}
