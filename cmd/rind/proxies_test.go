package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/realtest"
)

// nginxSample is the block of the guide, for other addresses and files.
func nginxSample(t *testing.T, replace ...string) string {
	t.Helper()
	guide, err := os.ReadFile("PROXIES.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```nginx\n(.*?)```").FindSubmatch(guide)
	if m == nil {
		t.Fatal("the guide has no sample for nginx")
	}
	text := string(m[1])
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("the sample lacks %q", replace[i])
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	return text
}

// TestNginxSample uploads through nginx as the guide sets it up: more than its own limit
// of 1 MiB, and a refusal whose reason twine prints.
func TestNginxSample(t *testing.T) {
	realtest.NeedClients(t, realtest.CurrentTwine)
	realtest.Need(t, realtest.Nginx)
	s := newUploadServer(t)
	tokens := uploadTokens(t, s.h)
	dir, address := t.TempDir(), realtest.FreeAddress(t)
	ca, cert, key := signedPair(t)
	for name, text := range map[string][]byte{"ca.pem": ca, "cert.pem": cert, "key.pem": key} {
		writeFile(t, filepath.Join(dir, name), 0o600, text)
	}
	sample := nginxSample(t, "listen 443 ssl", "listen "+address+" ssl", "packages.example.org", "localhost",
		"/etc/ssl/packages.pem", dir+"/cert.pem", "/etc/ssl/packages.key", dir+"/key.pem", "http://127.0.0.1:8080", strings.Replace(s.plain, "localhost", "127.0.0.1", 1))
	conf := filepath.Join(dir, "nginx.conf")
	var temp strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temp, "%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	writeFile(t, conf, 0o600, []byte("daemon off;\nmaster_process off;\npid "+dir+"/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n"+temp.String()+sample+"}\n"))
	cmd := exec.Command(realtest.Nginx.Path, "-p", dir, "-c", conf)
	var log realtest.Output
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() })
	port := address[strings.LastIndexByte(address, ':'):]
	d, home := realtest.CurrentTwine.Drive(t), t.TempDir()
	upload := func(dir, token string) (out string, code int) {
		t.Helper()
		for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) { // until it listens
			args, env := uploaders[0].call(dir, "https://localhost"+port+"/legacy/", token, filepath.Join(filepath.Dir(conf), "ca.pem"))
			if out, code = d.Run(t, dir, home, env, args...); !strings.Contains(out, "Connection refused") || time.Now().After(end) {
				return out, code
			}
		}
	}
	demo := pyproject(t, "demo", "")
	if out, code := upload(demo, tokens["expired"]); code == 0 || !strings.Contains(out, "token is expired") {
		t.Errorf("a refusal: %d\n%s\n%s", code, out, &log)
	}
	if out, code := upload(pyproject(t, "demo", noise(1<<20)), tokens["allowed"]); code == 0 || !strings.Contains(out, "the most that this index takes") {
		t.Errorf("more than 1 MiB: %d\n%s\n%s", code, out, &log)
	}
	if out, code := upload(demo, tokens["allowed"]); code != 0 {
		t.Errorf("an upload: %d\n%s\n%s", code, out, &log)
	}
}
