package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

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
