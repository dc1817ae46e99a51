package main

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/internal/realtest"
)

// TestCurrentPipInstalls downloads with today's pip what was uploaded, over http and TLS.
func TestCurrentPipInstalls(t *testing.T) {
	realtest.NeedClients(t, realtest.UV, realtest.CurrentPip)
	s := newUploadServer(t)
	tokens := uploadTokens(t, s.h)
	dir, home := pyproject(t, "demo", ""), t.TempDir()
	uv := realtest.UV.Drive(t)
	if out, code := uv.Run(t, dir, home, []string{"UV_PUBLISH_TOKEN=" + tokens["allowed"]}, "publish", "--no-config", "--publish-url", s.plain+"/legacy/", dist(dir)); code != 0 {
		t.Fatalf("uv publish: %d\n%s", code, out)
	}
	pip := realtest.CurrentPip.Drive(t)
	for _, more := range [][]string{{"--index-url", s.plain + "/simple/"}, {"--index-url", s.secure + "/simple/", "--cert", s.ca}} {
		into := t.TempDir()
		out, code := pip.Run(t, into, home, nil, append([]string{"install", "--no-cache-dir", "--no-deps", "--target", into, "demo"}, more...)...)
		if _, err := os.Stat(filepath.Join(into, "demo.py")); code != 0 || err != nil {
			t.Errorf("pip %v: %d, %v\n%s", more, code, err, out)
		}
	}
	again := []string{"publish", "--no-config", "--publish-url", s.plain + "/legacy/", "--check-url", s.plain + "/simple/", dist(dir)}
	if out, code := uv.Run(t, dir, home, []string{"UV_PUBLISH_TOKEN=" + tokens["allowed"]}, again...); code != 0 || !strings.Contains(out, "already exists") {
		t.Errorf("uv publish --check-url: %d\n%s", code, out)
	}
}

// TestPypitoken narrows a token with PyPI's own library, and uploads with it.
func TestPypitoken(t *testing.T) {
	realtest.NeedClients(t, realtest.UV, realtest.Pypitoken)
	s := newUploadServer(t)
	tokens := uploadTokens(t, s.h)
	dir, home := pyproject(t, "demo", ""), t.TempDir()
	uv, python := realtest.UV.Drive(t), realtest.Pypitoken.Drive(t)
	const script = "import os, pypitoken, datetime as d\n" +
		"t = pypitoken.Token.load(os.environ['TOKEN'])\n" +
		"now = d.datetime.now(d.timezone.utc)\n" +
		"t.restrict(project_names=[os.environ['PROJECT']], not_before=now - d.timedelta(minutes=5), not_after=now + d.timedelta(minutes=15))\n" +
		"print(t.dump())\n"
	for _, c := range []struct{ project, want string }{
		{"plugins", "token is valid for project 'plugins', not for 'demo'"},
		{"demo", ""},
	} {
		text, code := python.Run(t, dir, home, []string{"TOKEN=" + tokens["all"], "PROJECT=" + c.project}, "-c", script)
		if code != 0 {
			t.Fatalf("pypitoken: %d\n%s", code, text)
		}
		out, code := uv.Run(t, dir, home, []string{"UV_PUBLISH_TOKEN=" + strings.TrimSpace(text)}, "publish", "--no-config", "--publish-url", s.plain+"/legacy/", dist(dir))
		if (code == 0) != (c.want == "") || !strings.Contains(words(out), c.want) {
			t.Errorf("restricted to %s: %d\n%s", c.project, code, out)
		}
	}
}

// TestUploadsAtOnce is a server that reads one upload at once with each token, and two in
// all: further ones get their turn, or are told why they don't.
func TestUploadsAtOnce(t *testing.T) {
	t.Parallel()
	s := newUploadServer(t, func(c *config.Config) { c.UploadsAtOnce, c.UploadsPerToken = 2, 1 })
	tokens := uploadTokens(t, s.h)
	begin := func(text string, body io.Reader) (*http.Response, error) {
		r, err := http.NewRequest(http.MethodPost, s.plain+"/legacy/", body)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+text)
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		return http.DefaultClient.Do(r)
	}
	for _, text := range []string{tokens["allowed"], tokens["all"]} {
		body, more := io.Pipe()
		t.Cleanup(func() { more.Close() })
		go func() {
			if res, err := begin(text, body); err == nil {
				res.Body.Close()
			}
		}()
		if _, err := more.Write([]byte("--x\r\nContent-Disposition: form-data; name=\"comment\"\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		go func() { // who sends nothing is given up before the others have asked, on a busy machine
			for err := error(nil); err == nil; time.Sleep(time.Second) {
				_, err = io.WriteString(more, "still here ")
			}
		}()
	}
	for text, want := range map[string]string{
		tokens["allowed"]:       "429 Too many uploads with this token are in progress. Try again when one of them is done.",
		tokens["wrong_project"]: "503 Too many uploads are in progress. Try again later.",
	} {
		t.Run(want[:3], func(t *testing.T) {
			realtest.Eventually(t, want, func() error { // the two above may be on their way yet
				res, err := begin(text, strings.NewReader("--x--\r\n"))
				if err != nil {
					return err
				}
				defer res.Body.Close()
				if res.Status != want {
					return errors.New(res.Status)
				}
				return nil
			})
		})
	}
}
